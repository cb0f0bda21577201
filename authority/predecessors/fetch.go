package predecessors

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"time"

	"github.com/emmansun/gmsm/smx509"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/gm/ocsp"
)

// How predecessors are asked.
const (
	roundEvery  = 15 * time.Second
	listEvery   = 15 * time.Minute // a list that counts is looked for anew so often
	staleEvery  = time.Minute      // one that does not
	fetchTime   = 2 * time.Minute  // for one list
	askTime     = 15 * time.Second // for one answer
	wantedFor   = 24 * time.Hour   // after somebody wanted to know
	answerLimit = 100              // questions a round
)

// Fetcher fetches predecessors' lists and answers from the addresses that
// officers signed, and from nowhere else: the publishing side is the only one
// that calls out. What it stores has a signature that whoever relies on it
// checks again. Refused, lost, cut off or slow calls are made again later; what
// is stored stays.
type Fetcher struct {
	Store  Store
	Clock  certhall.Clock
	Log    *slog.Logger
	Client *http.Client // nil: one that follows no redirections

	next map[string]time.Time // when a list is looked for again
	said map[string]string    // what was last complained of
}

// Run makes rounds until ctx ends.
func (f *Fetcher) Run(ctx context.Context) {
	tick := time.NewTicker(roundEvery)
	defer tick.Stop()
	for {
		f.Round(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Round looks after every predecessor once.
func (f *Fetcher) Round(ctx context.Context) {
	if f.next == nil {
		f.next, f.said = map[string]time.Time{}, map[string]string{}
	}
	all, err := f.Store.Predecessors(ctx)
	f.tell(ctx, "", "its predecessors", err)
	for _, p := range all {
		if !p.WithdrawnAt.IsZero() || ctx.Err() != nil {
			continue
		}
		if p.Issuer, err = gm.ParseIssuer(p.Certificate); err != nil {
			f.tell(ctx, p.Name, "certificate", err)
			continue
		}
		if p.CRL != "" {
			f.tell(ctx, p.Name, "CRL", f.list(ctx, p))
		}
		if p.OCSP != "" {
			f.tell(ctx, p.Name, "OCSP", f.answers(ctx, p))
		}
	}
}

// tell complains once, and says when it is over.
func (f *Fetcher) tell(ctx context.Context, predecessor, what string, err error) {
	key, cause := predecessor+"/"+what, certhall.CauseText(err)
	if ctx.Err() != nil || f.said[key] == cause {
		return
	}
	f.said[key] = cause
	if err != nil {
		f.Log.WarnContext(ctx, "a predecessor's status cannot be had", "predecessor", predecessor, "what", what, "cause", cause)
	} else {
		f.Log.InfoContext(ctx, "a predecessor's status can be had again", "predecessor", predecessor, "what", what)
	}
}

// list fetches a CRL if it is time.
func (f *Fetcher) list(ctx context.Context, p *ca.Predecessor) error {
	now := f.Clock.Now()
	head, err := f.Store.Head(ctx, p.Name)
	if err != nil {
		return err
	}
	counts := head != nil && now.Before(head.NextUpdate)
	wait := f.next[p.Name].Sub(now)
	if wait > 0 && wait <= listEvery && (counts || wait <= staleEvery) {
		return nil
	}
	f.next[p.Name] = now.Add(staleEvery)
	data, tag, modified, err := f.get(ctx, p.CRL, head, counts)
	if err != nil {
		return err
	}
	if data != nil {
		l, err := Read(data, p.Issuer, p.Name, now)
		if err != nil {
			return err
		}
		l.Tag, l.Modified, l.FetchedAt = tag, modified, now
		if _, err := f.Store.SaveList(ctx, l); err != nil {
			return err
		}
		if counts = now.Before(l.NextUpdate); !counts {
			return fmt.Errorf("the list was over at %v", l.NextUpdate)
		}
	}
	f.next[p.Name] = now.Add(listEvery)
	return nil
}

// get fetches a list; nil where it is the one that is there.
func (f *Fetcher) get(ctx context.Context, address string, head *List, counts bool) (data []byte, tag, modified string, err error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTime)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, "", "", err
	}
	if head != nil && counts {
		if head.Tag != "" {
			request.Header.Set("If-None-Match", head.Tag)
		}
		if head.Modified != "" {
			request.Header.Set("If-Modified-Since", head.Modified)
		}
	}
	answer, err := f.client().Do(request)
	if err != nil {
		return nil, "", "", err
	}
	defer answer.Body.Close()
	switch {
	case answer.StatusCode == http.StatusNotModified && counts:
		return nil, "", "", nil
	case answer.StatusCode != http.StatusOK:
		return nil, "", "", fmt.Errorf("status %d", answer.StatusCode)
	}
	data, err = readAll(answer.Body, MaxList)
	return data, header(answer, "ETag"), header(answer, "Last-Modified"), err
}

// header is a header that can be sent back; "" if it is too long.
func header(r *http.Response, name string) string {
	if v := r.Header.Get(name); len(v) <= 200 {
		return v
	}
	return ""
}

var errTooLong = errors.New("predecessors: longer than can be")

func readAll(r io.Reader, limit int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = errTooLong
	}
	return data, err
}

// answers asks the responder about the serials that somebody wants to know of.
func (f *Fetcher) answers(ctx context.Context, p *ca.Predecessor) error {
	now := f.Clock.Now()
	wanted, err := f.Store.Questions(ctx, p.Name, now.Add(-wantedFor), answerLimit)
	if err != nil {
		return err
	}
	for _, q := range wanted {
		if q.Answer != nil {
			if a, err := answerOf(q.Answer, p.Issuer, q.Serial, now); err == nil && now.Before(refreshAt(a)) {
				continue
			}
		}
		if err := f.ask(ctx, p, q, now); err != nil {
			return err // the others would fail alike
		}
	}
	return nil
}

// refreshAt is when a better answer is looked for: at half life.
func refreshAt(a ocsp.Answer) time.Time {
	end := a.NextUpdate
	if end.IsZero() {
		end = a.ThisUpdate.Add(answerLife)
	}
	return a.ThisUpdate.Add(end.Sub(a.ThisUpdate) / 2)
}

func (f *Fetcher) ask(ctx context.Context, p *ca.Predecessor, q Question, now time.Time) error {
	der, err := f.post(ctx, p.OCSP, p.Issuer, q.Serial.Big())
	if err != nil {
		return err
	}
	a, err := answerOf(der, p.Issuer, q.Serial, now)
	if err != nil {
		return err
	}
	q.Answer, q.ThisUpdate = der, a.ThisUpdate
	return f.Store.SaveAnswer(ctx, q)
}

func (f *Fetcher) post(ctx context.Context, address string, issuer *smx509.Certificate, serial *big.Int) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	question, err := ocsp.Request(issuer, nil, serial)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(question))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/ocsp-request")
	answer, err := f.client().Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("status %d", answer.StatusCode)
	}
	return readAll(answer.Body, ocsp.MaxAnswer)
}

func (f *Fetcher) client() *http.Client {
	if f.Client == nil {
		f.Client = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	return f.Client
}
