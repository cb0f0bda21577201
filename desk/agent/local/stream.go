package local

import (
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"github.com/certhall/certhall"
)

// How a stream is kept alive.
const (
	beatEvery = 15 * time.Second
	writeTime = 10 * time.Second // for one line; who reads no more is let go
)

// stream is an operation's events on their way to the page. Sending never
// blocks: what happens on a key waits for no page.
type stream struct {
	lang string

	mu    sync.Mutex
	lines [][]byte
	ended bool
	more  chan struct{} // one token: there is something new
}

func newStream(lang string) *stream { return &stream{lang: lang, more: make(chan struct{}, 1)} }

// send adds an event with its members, a JSON object or nil. After the end
// nothing is added.
func (s *stream) send(event string, members any) {
	line := `{"event":"` + event + `"`
	if members != nil {
		data, err := json.Marshal(members)
		if err != nil {
			panic("local: " + err.Error()) // types of this package only
		}
		if rest := string(data[1:]); rest != "}" {
			line += "," + rest[:len(rest)-1]
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ended {
		s.lines = append(s.lines, []byte(line+"}\n"))
		s.wake()
	}
}

// end adds the last event.
func (s *stream) end(reply any, err error) {
	if err != nil {
		s.send("problem", problemOf(s.lang, certhall.AsError(err)))
	} else {
		s.send("reply", reply)
	}
	s.close()
}

// close ends the stream where it stands.
func (s *stream) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	s.wake()
}

func (s *stream) wake() {
	select {
	case s.more <- struct{}{}:
	default:
	}
}

func (s *stream) take() (lines [][]byte, ended bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	lines, s.lines = s.lines, nil
	return lines, s.ended
}

// write carries the events to the page until the end, whether the page still
// listens or not.
func (s *stream) write(w http.ResponseWriter, beats <-chan time.Time, patience time.Duration) {
	endless(w)
	listening := put(w, nil, patience)
	for {
		lines, ended := s.take()
		for _, line := range lines {
			listening = listening && put(w, line, patience)
		}
		if ended {
			return
		}
		select {
		case <-s.more:
		case <-beats:
			listening = listening && put(w, []byte("{\"event\":\"beat\"}\n"), patience)
		}
	}
}

// endless lifts the bound on the answer as a whole; its lines have their own.
func endless(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/x-ndjson")
	_ = http.NewResponseController(w).SetWriteDeadline(time.Time{})
	w.WriteHeader(http.StatusOK)
}

// longAgo is a deadline that is over by every clock.
var longAgo = time.Unix(1, 0)

// put writes one line. Who does not take it in time is held to have left: the
// connection fails, and with it the request's context ends.
func put(w http.ResponseWriter, line []byte, patience time.Duration) bool {
	control := http.NewResponseController(w)
	late := time.AfterFunc(patience, func() { _ = control.SetWriteDeadline(longAgo) })
	defer late.Stop()
	if _, err := w.Write(line); err != nil {
		return false
	}
	return control.Flush() == nil
}
