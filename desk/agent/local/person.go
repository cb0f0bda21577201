package local

import (
	"context"
	"time"

	"github.com/certhall/certhall/desk/agent"
	"github.com/certhall/certhall/desk/agent/trust"
	"github.com/certhall/certhall/desk/agent/window"
	"github.com/certhall/certhall/desk/token"
)

// person is whoever sits before the PC, while one operation of a page runs. A
// question lasts as long as the page listens.
type person struct {
	page    context.Context
	site    trust.Site
	sitting window.Sitting
	stream  *stream
	askTime time.Duration
}

// askTime is how long a question stands: the key is held for it.
const askTime = 5 * time.Minute

// asking is the event ask.
type asking struct {
	What    string `json:"what"`
	Purpose string `json:"purpose"`
	Window  string `json:"window,omitempty"`
}

// PIN implements agent.Person. To close the window is to decline.
func (p person) PIN(_ context.Context, r agent.PINRequest) (string, error) {
	a, err := p.ask(window.Question{What: window.PIN, Key: r.Key, Purpose: r.Purpose, Tries: r.Tries, Final: r.Final, Wrong: r.Wrong})
	if err == nil && !a.Yes {
		err = token.ErrDeclined
	}
	return a.PIN, err
}

// NewPIN implements agent.Person. It is asked for until both are the same.
func (p person) NewPIN(_ context.Context, r agent.NewPINRequest) (string, error) {
	q := window.Question{What: window.NewPIN, Key: r.Key, Purpose: r.Purpose, Why: r.Why}
	for {
		a, err := p.ask(q)
		switch {
		case err != nil:
			return "", err
		case !a.Yes:
			return "", token.ErrDeclined
		case a.PIN == a.Again:
			return a.PIN, nil
		}
		q.Why = agent.NewPINDiffers
	}
}

// Consent implements agent.Person.
func (p person) Consent(_ context.Context, r agent.ConsentRequest) (bool, error) {
	if r.TakesNothing() {
		return true, nil
	}
	a, err := p.ask(window.Question{What: window.Consent, Key: r.Key, Purpose: r.What, Facts: r.Facts})
	return a.Yes, err
}

// pair asks whether the site may use this PC's keys at all.
func (p person) pair() (bool, error) {
	a, err := p.ask(window.Question{What: window.Pair, Purpose: window.Pair})
	return a.Yes, err
}

func (p person) ask(q window.Question) (window.Answer, error) {
	if err := p.page.Err(); err != nil {
		return window.Answer{}, window.ErrWithdrawn.Because(err)
	}
	ctx, end := context.WithTimeout(p.page, p.askTime)
	defer end()
	q.Lang, q.Origin, q.Portal = p.stream.lang, p.site.Origin, p.site.Name
	a, err := p.sitting.Ask(ctx, q, func(address string) {
		p.stream.send("ask", asking{q.What, q.Purpose, address})
	})
	if err == nil {
		p.stream.send("asked", struct {
			What string `json:"what"`
		}{q.What})
	}
	return a, err
}
