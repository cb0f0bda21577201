package window

import (
	"context"
	"encoding/base64"
	"io"
	"sync"

	"github.com/certhall/certhall"
)

// ErrOver says that a window's address was used already, or that its question
// was answered or withdrawn.
var ErrOver = certhall.NewError("window-over", certhall.NotFound)

// Page asks in pages of the agent's own, each opened by an address that is
// good once. It knows nothing of HTTP: who serves the pages calls Enter, and
// passes on what the window says.
type Page struct {
	address string // of the page, without its fragment
	random  io.Reader

	mu      sync.Mutex
	tickets map[string]*sitting // one-time tokens of addresses
	windows map[string]*Window  // by their secrets
}

// NewPage asks in the page at an address such as http://127.0.0.1:17083/ui.
func NewPage(address string, random io.Reader) *Page {
	return &Page{address: address, random: random, tickets: map[string]*sitting{}, windows: map[string]*Window{}}
}

// Name is the way's name.
func (*Page) Name() string { return "page" }

// Sit begins the questions of one operation; they share one window.
func (p *Page) Sit() Sitting { return &sitting{page: p} }

// sitting is an operation's questions. Its fields are guarded by Page.mu.
type sitting struct {
	page    *Page
	number  int // of the question
	pending *pending
	ticket  string  // of the address that was told last; "" when it was used
	window  *Window // that is open
}

type pending struct {
	Question
	tell   func(string)
	answer chan Answer
}

// Window is an open page.
type Window struct {
	Secret string // by which it answers
	lines  chan Message
	s      *sitting
}

// Message is what a window is told: a question, or the end.
type Message struct {
	Window   string `json:"window,omitempty"` // its secret, in the first one
	Number   int    `json:"n,omitempty"`      // of the question
	Question *View  `json:"question,omitempty"`
	End      string `json:"end,omitempty"` // done, withdrawn
}

// Ask asks in the window that is open, or tells a new address.
func (s *sitting) Ask(ctx context.Context, q Question, tell func(string)) (Answer, error) {
	p := s.page
	p.mu.Lock()
	s.number++
	asked := &pending{q, tell, make(chan Answer, 1)}
	s.pending = asked
	address := ""
	if s.window != nil {
		s.window.lines <- s.message()
	} else {
		address = s.arm()
	}
	p.mu.Unlock()
	tell(address)
	select {
	case a := <-asked.answer:
		return a, nil
	case <-ctx.Done():
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case a := <-asked.answer: // it came at the last moment
		return a, nil
	default:
	}
	s.end("withdrawn")
	return Answer{}, ErrWithdrawn.Because(ctx.Err())
}

// Close lets the window go.
func (s *sitting) Close() {
	s.page.mu.Lock()
	defer s.page.mu.Unlock()
	s.end("done")
}

// end takes address and window back.
func (s *sitting) end(how string) {
	delete(s.page.tickets, s.ticket)
	s.pending, s.ticket = nil, ""
	if w := s.window; w != nil {
		w.lines <- Message{End: how}
		close(w.lines)
		s.forget()
	}
}

func (s *sitting) forget() {
	delete(s.page.windows, s.window.Secret)
	s.window = nil
}

// arm makes an address that is good once.
func (s *sitting) arm() string {
	s.ticket = s.page.secret()
	s.page.tickets[s.ticket] = s
	return s.page.address + "#" + s.ticket
}

func (s *sitting) message() Message {
	v := s.pending.View()
	return Message{Number: s.number, Question: &v}
}

// Enter lets the page that shows a one-time token in: ErrOver if it was used
// or its question is gone. The window is to be given back by Leave.
func (p *Page) Enter(ticket string) (*Window, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.tickets[ticket]
	if s == nil || s.pending == nil {
		return nil, ErrOver
	}
	delete(p.tickets, ticket)
	w := &Window{Secret: p.secret(), lines: make(chan Message, linesAhead), s: s}
	s.ticket, s.window = "", w
	p.windows[w.Secret] = w
	first := s.message()
	first.Window = w.Secret
	w.lines <- first
	return w, nil
}

// linesAhead is how many messages can wait in a window at most: one question
// at a time, and the end, whether it reads them or not.
const linesAhead = 64

// Messages are what the window is to show; closed after the end.
func (w *Window) Messages() <-chan Message { return w.lines }

// Leave says that the window is closed. A question without an answer gets a
// new address.
func (p *Page) Leave(w *Window) {
	p.mu.Lock()
	s := w.s
	if s.window != w {
		p.mu.Unlock()
		return
	}
	s.forget()
	if s.pending == nil {
		p.mu.Unlock()
		return
	}
	tell, address := s.pending.tell, s.arm()
	p.mu.Unlock()
	tell(address)
}

// Answer takes the answer to a window's question: ErrOver if it is not the one
// that is open.
func (p *Page) Answer(secret string, number int, a Answer) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	w := p.windows[secret]
	if w == nil || w.s.pending == nil || w.s.number != number || !w.s.pending.answers(a) {
		return ErrOver
	}
	w.s.pending.answer <- a
	w.s.pending = nil
	return nil
}

// secret draws 256 bits.
func (p *Page) secret() string {
	var b [32]byte
	if _, err := io.ReadFull(p.random, b[:]); err != nil {
		panic("window: no randomness: " + err.Error())
	}
	return base64.RawURLEncoding.EncodeToString(b[:])
}
