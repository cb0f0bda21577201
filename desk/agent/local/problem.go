package local

import (
	"encoding/json"
	"net/http"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/locale"
)

// What the door answers before an operation begins.
var (
	errHost    = certhall.NewError("agent-host", certhall.Denied)
	errOrigin  = certhall.NewError("origin-unlisted", certhall.Denied)
	errMode    = certhall.NewError("agent-fetch-mode", certhall.Denied)
	errMethod  = certhall.NewError("agent-method", certhall.Invalid)
	errAddress = certhall.NewError("agent-address", certhall.NotFound)
	errType    = certhall.NewError("agent-media-type", certhall.Invalid)
	errSize    = certhall.NewError("agent-body-size", certhall.Invalid)
	errSlow    = certhall.NewError("agent-too-slow", certhall.Unavailable)
	errInput   = certhall.NewError("agent-input", certhall.Invalid)
	errFlood   = certhall.NewError("agent-flood", certhall.Limited)
)

// problem is an error as pages are told it.
type problem struct {
	Code    string            `json:"code"`
	Params  map[string]string `json:"params,omitempty"`
	Message string            `json:"message"`
	Hint    string            `json:"hint"`
}

func problemOf(lang string, e *certhall.Error) *problem {
	message, hint := locale.Error(lang, e)
	return &problem{e.Code, e.Params, message, hint}
}

// document is a problem document (RFC 9457), as the hall's are.
type document struct {
	Type   string            `json:"type"`
	Title  string            `json:"title"`
	Status int               `json:"status"`
	Code   string            `json:"code"`
	Params map[string]string `json:"params,omitempty"`
	Detail string            `json:"detail"`
	Hint   string            `json:"hint"`
}

// refuse answers with a problem document.
func refuse(w http.ResponseWriter, r *http.Request, status int, e *certhall.Error) {
	detail, hint := locale.Error(lang(r), e)
	answer(w, status, "application/problem+json", document{"about:blank", http.StatusText(status), status, e.Code, e.Params, detail, hint})
}

func answer(w http.ResponseWriter, status int, contentType string, v any) {
	data, err := json.Marshal(v)
	if err != nil {
		panic("local: " + err.Error()) // types of this package only
	}
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	_, _ = w.Write(append(data, '\n'))
}

func lang(r *http.Request) string { return locale.Pick(r.Header.Get("Accept-Language")) }
