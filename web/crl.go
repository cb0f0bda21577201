package web

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority/status"
)

// Shelf is where documents of one kind are found by name: package
// authority/status has them. nil without an error: there is none of that name.
type Shelf interface {
	Find(ctx context.Context, name string) (*status.Document, error)
}

// CRLs serves /crl/NAME.crl (RFC 5280, 4.2.1.13; RFC 2585, 4.2).
func CRLs(s Shelf, log *slog.Logger) http.Handler {
	return documents{s, "/crl/", ".crl", "application/pkix-crl", log}
}

// Certificates serves /ca/NAME.cer (RFC 5280, 4.2.2.1; RFC 2585, 4.1).
func Certificates(s Shelf, log *slog.Logger) http.Handler {
	return documents{s, "/ca/", ".cer", "application/pkix-cert", log}
}

// Checkpoint serves /audit/checkpoint (package authority/audit).
func Checkpoint(s Shelf, log *slog.Logger) http.Handler {
	return documents{s, "/audit/", "", "application/json", log}
}

// documents serves what the world fetches by name and may cache.
type documents struct {
	shelf          Shelf
	before, behind string // of the name in the path
	media          string
	log            *slog.Logger
}

// longDocument is how many bytes make a document one that may take longTime to
// be fetched: far longer than other requests, and not for ever.
const (
	longDocument = 1 << 20
	longTime     = 15 * time.Minute
)

// ServeHTTP implements http.Handler: whole or in ranges, or 304 to those who
// have it already.
func (d documents) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		refuse(w, r, http.StatusMethodNotAllowed, ErrMethod)
		return
	}
	name, ok := strings.CutPrefix(r.URL.Path, d.before)
	name, known := strings.CutSuffix(name, d.behind)
	if !ok || !known {
		refuse(w, r, http.StatusNotFound, ErrAddress)
		return
	}
	ctx, end := context.WithTimeout(context.WithoutCancel(r.Context()), longTime)
	defer end()
	found, err := d.shelf.Find(ctx, name)
	var size int64
	if err == nil && found != nil {
		size, err = found.Content.Seek(0, io.SeekEnd)
	}
	switch {
	case err != nil:
		p := routes{Options{Log: d.log}}.problem(r.Context(), err)
		refuse(w, r, p.Status, &certhall.Error{Code: p.Code, Params: p.Params})
		return
	case found == nil:
		refuse(w, r, http.StatusNotFound, ErrAddress)
		return
	case size > longDocument:
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(longTime)) // where it cannot be set, the server's own stands
	}
	h := w.Header()
	h.Set("Content-Type", d.media)
	h.Set("ETag", found.ETag)
	h.Set("Cache-Control", fmt.Sprintf("public, max-age=%d", int(found.MaxAge.Seconds())))
	h.Set("Expires", time.Now().Add(found.MaxAge).UTC().Format(http.TimeFormat))
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	h.Del("Vary")                                     // it is the same in every language
	if strings.Contains(r.Header.Get("Range"), ",") { // who asks for a thousand places at once gets the whole (RFC 9110, 14.2)
		r.Header.Del("Range")
	}
	content := &noting{ReadSeeker: found.Content}
	http.ServeContent(w, r, "", found.Modified, content)
	if content.err != nil { // less than Content-Length was written: the server cuts the connection
		d.log.WarnContext(r.Context(), "a document broke off", "request", requestOf(r.Context()).id, "cause", certhall.CauseText(content.err))
	}
}

// noting remembers why reading failed, which http.ServeContent does not tell.
type noting struct {
	io.ReadSeeker
	err error
}

func (n *noting) Read(b []byte) (int, error) {
	read, err := n.ReadSeeker.Read(b)
	if err != nil && err != io.EOF {
		n.err = err
	}
	return read, err
}
