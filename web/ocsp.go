package web

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority/status"
)

// Responder answers OCSP requests: authority/status' Responder.
type Responder interface {
	Answer(ctx context.Context, request []byte) *status.OCSPAnswer
}

const (
	ocspResponseType = "application/ocsp-response"
	// maxOCSPGet is the longest base64 in an address. Clients use GET up to 255
	// octets (RFC 5019, 5); some of ours carry several certificates.
	maxOCSPGet = 4 << 10
	// OCSPMaxAge is how long caches may give an answer again unless told otherwise.
	OCSPMaxAge = 30 * time.Second
)

// OCSP answers OCSP over HTTP (RFC 6960, A.1; RFC 5019, 5 and 6.2). Caches may
// keep public answers for maxAge, never beyond their nextUpdate; all others
// are not stored.
//
// It takes what real clients send. The content type of a POST is not looked
// at: the body proves itself, and refusing would only keep out clients that
// name none. A GET may be escaped or not, with slashes doubled before the
// base64 (addresses put together carelessly), a space for a plus (proxies that
// unescape twice), and with its padding or without.
func OCSP(r Responder, clock certhall.Clock, maxAge time.Duration) http.Handler {
	return ocsp{r, clock, maxAge}
}

type ocsp struct {
	responder Responder
	clock     certhall.Clock
	maxAge    time.Duration
}

// ServeHTTP implements http.Handler.
func (o ocsp) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.Method {
	case http.MethodPost:
		o.post(w, r)
	case http.MethodGet, http.MethodHead:
		o.get(w, r)
	default:
		w.Header().Set("Allow", "GET, HEAD, POST")
		refuse(w, r, http.StatusMethodNotAllowed, ErrMethod)
	}
}

func (o ocsp) post(w http.ResponseWriter, r *http.Request) {
	der, err := io.ReadAll(http.MaxBytesReader(w, r.Body, status.MaxOCSPRequest))
	if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
		writeOCSP(w, http.StatusRequestEntityTooLarge, status.Refusal(status.OCSPMalformedRequest))
		return
	}
	if err != nil { // whoever asked is gone, or too slow
		writeOCSP(w, http.StatusBadRequest, status.Refusal(status.OCSPMalformedRequest))
		return
	}
	writeOCSP(w, http.StatusOK, o.responder.Answer(r.Context(), der))
}

func (o ocsp) get(w http.ResponseWriter, r *http.Request) {
	text := strings.TrimLeft(strings.TrimPrefix(r.URL.Path, "/ocsp"), "/")
	if len(text) > maxOCSPGet {
		writeOCSP(w, http.StatusRequestURITooLong, status.Refusal(status.OCSPMalformedRequest))
		return
	}
	der, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(strings.ReplaceAll(text, " ", "+"), "="))
	if err != nil {
		writeOCSP(w, http.StatusOK, status.Refusal(status.OCSPMalformedRequest))
		return
	}
	a := o.responder.Answer(r.Context(), der)
	if !a.Public {
		writeOCSP(w, http.StatusOK, a)
		return
	}
	o.cacheable(w.Header(), a)
	if unchanged(r, a) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	writeOCSP(w, http.StatusOK, a)
}

// cacheable lets caches keep an answer (RFC 5019, 6.2).
func (o ocsp) cacheable(h http.Header, a *status.OCSPAnswer) {
	age := min(o.maxAge, a.NextUpdate.Sub(o.clock.Now())).Truncate(time.Second)
	h.Set("Cache-Control", "max-age="+strconv.Itoa(int(max(age, 0).Seconds()))+", public, no-transform, must-revalidate")
	h.Set("Expires", a.NextUpdate.UTC().Format(http.TimeFormat))
	h.Set("Last-Modified", a.ThisUpdate.UTC().Format(http.TimeFormat))
	h.Set("Etag", `"`+a.Tag+`"`)
	h.Del("Vary") // the same in every language
}

// unchanged tells whether the client holds this answer (RFC 9110, 13.2.2).
func unchanged(r *http.Request, a *status.OCSPAnswer) bool {
	if tags := r.Header.Get("If-None-Match"); tags != "" {
		for tag := range strings.SplitSeq(tags, ",") {
			if tag = strings.TrimSpace(tag); tag == "*" || strings.TrimPrefix(tag, "W/") == `"`+a.Tag+`"` {
				return true
			}
		}
		return false
	}
	since, err := http.ParseTime(r.Header.Get("If-Modified-Since"))
	return err == nil && !a.ThisUpdate.Truncate(time.Second).After(since)
}

// writeOCSP writes an answer; unless somebody said otherwise before, the edge
// has forbidden caches to store it.
func writeOCSP(w http.ResponseWriter, code int, a *status.OCSPAnswer) {
	h := w.Header()
	h.Set("Content-Type", ocspResponseType)
	h.Set("Content-Length", strconv.Itoa(len(a.DER)))
	w.WriteHeader(code)
	_, _ = w.Write(a.DER) // who has gone away reads no error
}
