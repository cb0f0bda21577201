package web

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/payment"
)

// Limits on notices.
const (
	noticeBody = 64 << 10
	noticeTime = 5 * time.Second // the channel waits no longer
	notices    = 16              // at once
)

// Till takes what the channel of payment tells: hall/payment's Till.
type Till interface {
	Notice(ctx context.Context, r *http.Request) error
	Answer(w http.ResponseWriter, err error)
}

// ErrNotices says that more notices come at once than are looked at.
var ErrNotices = certhall.NewError("notices-too-many", certhall.Limited)

// notice hands a notice on and answers in the channel's words. No browser comes
// here: what counts is the signature, which the channel checks, not who calls;
// what a caller sent goes into no log.
func (e edge) notice() http.Handler {
	places := make(chan struct{}, notices)
	take := func(r *http.Request) error {
		select {
		case places <- struct{}{}:
			defer func() { <-places }()
			return e.Till.Notice(r.Context(), r)
		default:
			return ErrNotices
		}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			w.Header().Set("Allow", http.MethodPost)
			refuse(w, r, http.StatusMethodNotAllowed, ErrMethod)
			return
		}
		ctx, end := context.WithTimeout(r.Context(), noticeTime)
		defer end()
		r = r.WithContext(ctx)
		err := arrive(w, r)
		if err == nil {
			err = take(r)
		}
		if err != nil {
			e.Log.LogAttrs(ctx, slog.LevelWarn, "a notice of payment was not taken", slog.String("request", requestOf(ctx).id),
				slog.String("code", certhall.AsError(err).Code), slog.String("error", certhall.CauseText(err)))
		}
		e.Till.Answer(w, err)
	})
}

// arrive reads a notice before it gets a place: whoever sends slowly keeps nobody
// else from being heard.
func arrive(w http.ResponseWriter, r *http.Request) error {
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(noticeTime)) // without a connection there is nothing to wait for
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, noticeBody))
	if err != nil {
		return payment.ErrNotice.Because(err)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return nil
}
