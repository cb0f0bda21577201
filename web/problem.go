package web

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/services"
	"github.com/certhall/certhall/locale"
)

// What the edge itself answers beside success.
var (
	ErrAddress   = certhall.NewError("address-unknown", certhall.NotFound)
	ErrMethod    = certhall.NewError("method-wrong", certhall.Invalid)
	ErrInput     = certhall.NewError("input-malformed", certhall.Invalid)
	ErrTooLarge  = certhall.NewError("body-too-large", certhall.Invalid)
	ErrMediaType = certhall.NewError("media-type-wrong", certhall.Invalid)
	ErrTooSlow   = certhall.NewError("too-slow", certhall.Unavailable)
)

// ProblemDocument is a problem document (RFC 9457) with the error's code and values.
type ProblemDocument struct {
	Type     string            `json:"type" doc:"always about:blank: the code tells more"`
	Title    string            `json:"title" doc:"the status in HTTP's words"`
	Status   int               `json:"status"`
	Detail   string            `json:"detail" doc:"what happened, in the reader's language"`
	Instance string            `json:"instance,omitempty" doc:"id of the request, to be found in the log"`
	Code     string            `json:"code" doc:"stable name of the error"`
	Params   map[string]string `json:"params,omitempty"`
	Hint     string            `json:"hint" doc:"what to do next, in the reader's language"`
}

// Error implements error.
func (p *ProblemDocument) Error() string { return p.Code }

// GetStatus implements huma.StatusError.
func (p *ProblemDocument) GetStatus() int { return p.Status }

// ContentType implements huma.ContentTypeFilter.
func (p *ProblemDocument) ContentType(string) string { return "application/problem+json" }

func problemOf(status int, e *certhall.Error) *ProblemDocument {
	return &ProblemDocument{Type: "about:blank", Title: http.StatusText(status), Status: status, Code: e.Code, Params: e.Params}
}

// init makes huma's own refusals problems like all others. Their details
// repeat what was sent (PINs, codes), so they go nowhere.
func init() {
	huma.DefaultArrayNullable = false
	huma.NewError = func(status int, _ string, _ ...error) huma.StatusError {
		switch status {
		case http.StatusRequestEntityTooLarge:
			return problemOf(status, ErrTooLarge)
		case http.StatusUnsupportedMediaType, http.StatusNotAcceptable:
			return problemOf(status, ErrMediaType)
		case http.StatusRequestTimeout:
			return problemOf(status, ErrTooSlow)
		}
		if status >= 500 {
			return problemOf(status, certhall.ErrInternal)
		}
		return problemOf(status, ErrInput)
	}
}

// problem makes the answer of an error; its cause goes to the log alone.
func (r routes) problem(ctx context.Context, err error) *ProblemDocument {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) { // out of time, or the caller has gone
		err = ErrTooSlow.Because(err)
	}
	e := certhall.AsError(err)
	level := slog.LevelInfo
	if e.Kind == certhall.Internal {
		level = slog.LevelError
	}
	r.Log.Log(ctx, level, "refused", "request", requestOf(ctx).id, "code", e.Code, "cause", certhall.CauseText(e.Unwrap()))
	return problemOf(e.Kind.Status(), e)
}

// localise puts the words of the reader's language into what is answered.
func localise(ctx huma.Context, _ string, v any) (any, error) {
	lang := locale.Pick(ctx.Header("Accept-Language"))
	switch body := v.(type) {
	case *ProblemDocument:
		return body.in(lang, requestOf(ctx.Context()).id), nil
	case interface{ Problems() []*services.Problem }:
		for _, p := range body.Problems() {
			p.Message, p.Hint = locale.Error(lang, &certhall.Error{Code: p.Code, Params: p.Params})
		}
	}
	return v, nil
}

// in is the problem in a language.
func (p *ProblemDocument) in(lang, request string) *ProblemDocument {
	told := *p
	told.Detail, told.Hint = locale.Error(lang, &certhall.Error{Code: p.Code, Params: p.Params})
	if request != "" {
		told.Instance = "urn:request:" + request
	}
	return &told
}

// refuse writes a problem where huma is not at work.
func refuse(w http.ResponseWriter, r *http.Request, status int, e *certhall.Error) {
	p := problemOf(status, e).in(locale.Pick(r.Header.Get("Accept-Language")), requestOf(r.Context()).id)
	writeJSON(w, status, p.ContentType(""), p)
}

func writeJSON(w http.ResponseWriter, status int, contentType string, v any) {
	data, err := json.Marshal(v)
	if err != nil {
		panic("web: " + err.Error()) // types of this package only
	}
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	_, _ = w.Write(append(data, '\n'))
}
