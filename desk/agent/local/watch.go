package local

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/desk/agent/trust"
)

// lookEvery is how often the keys are looked at.
const lookEvery = 500 * time.Millisecond

// looks tells watchers that the keys were looked at anew.
type looks struct {
	mu   sync.Mutex
	next chan struct{} // closed at the next look
}

func newLooks() *looks { return &looks{next: make(chan struct{})} }

func (l *looks) wait() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.next
}

func (l *looks) tell() {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.next)
	l.next = make(chan struct{})
}

// look ends idle sessions and wakes the watchers, each time ticks does. What
// keeps it from that is told when it begins, not twice a second.
func (s *Server) look(ctx context.Context, ticks <-chan time.Time) {
	told := ""
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks:
		}
		cause := certhall.CauseText(s.Agent.Sweep(ctx))
		if cause != told && cause != "" {
			s.Log.Warn("keys not looked at", "cause", cause)
		}
		told = cause
		s.looks.tell()
	}
}

// list is the keys as a site sees them.
func (s *Server) list(ctx context.Context, site trust.Site, lang string) (keys, error) {
	listed, err := s.caller(person{site: site}).List(ctx)
	if err != nil {
		return keys{}, err
	}
	return describe(listed, site, lang), nil
}

// letIn looks anew whether a page may go on: lists are replaced and end, and
// pairings end too. It is use of the pairing.
func (s *Server) letIn(r *http.Request, origin string) (trust.Site, error) {
	site, listed := s.Trust.Site(origin)
	switch {
	case !listed:
		return site, errOrigin
	case site.Trust == nil:
		return site, trust.ErrExpired
	case !s.paired(r, site):
		return site, errUnpaired
	}
	return site, nil
}

// watch tells the page of the keys at once and after each change, for as long
// as it is let in.
func (s *Server) watch(w http.ResponseWriter, r *http.Request, site trust.Site) {
	stream := newStream(lang(r))
	go func() {
		defer stream.close()
		var last []byte
		for {
			next := s.looks.wait()
			now, err := s.safely(r.URL.Path, func() (any, error) {
				site, err := s.letIn(r, site.Origin)
				if err != nil {
					return nil, err
				}
				return s.list(r.Context(), site, stream.lang)
			})
			if r.Context().Err() != nil {
				return
			}
			if err != nil {
				stream.end(nil, err)
				return
			}
			if data, _ := json.Marshal(now); !bytes.Equal(data, last) {
				last = data
				stream.send("keys", now)
			}
			select {
			case <-next:
			case <-r.Context().Done():
				return
			}
		}
	}()
	beats, stop := s.Ticks(beatEvery)
	defer stop()
	stream.write(w, beats, s.writeTime)
}
