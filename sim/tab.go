package sim

import (
	"errors"
	"slices"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/hall/services"
	"github.com/certhall/certhall/proof"
)

// A tab carries messages between the agent of its PC and the hall, as page and
// command line do, reading none of them. Where something fails it opens the
// case again, as a person would: from the same PC, or from the next one.

// patience is how often a person tries before he leaves it for another day.
const patience = 10

// tab plays one person's tab until the case has ended or patience has.
func (w *World) tab(a *actor) {
	for range patience {
		var next services.Next
		var err error
		w.onPC(a, func() { next, err = w.sitting(a) })
		if err == nil && ended(next) {
			w.end = string(next.State)
			w.pause(time.Second) // the workers carry the last reports
			return
		}
		if err != nil && final(err) {
			w.end, w.refusal = "refused", certhall.AsError(err)
			return
		}
		w.pause(time.Minute)
	}
}

func ended(n services.Next) bool {
	return n.Operation == "" && n.Ask == nil && n.Wait == nil && n.Problem == nil ||
		n.State == services.Refused && n.Wait == nil
}

// final tells a refusal of the service from trouble that passes.
func final(err error) bool {
	for _, e := range []*certhall.Error{
		authority.ErrExpired, authority.ErrNotExpired, authority.ErrTooEarly, authority.ErrTooLate,
		authority.ErrRevoked, authority.ErrSuperseded, authority.ErrNotCurrent,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// onPC runs f on the present PC; if the PC dies meanwhile, f ends there.
func (w *World) onPC(a *actor, f func()) {
	a.pcLife = w.pcLife
	defer func() {
		a.pcLife = 0
		if p := recover(); p != nil {
			if d, ok := p.(death); !ok || d.server {
				panic(p)
			}
		}
	}()
	f()
}

// pause lets time pass: the server's workers run meanwhile.
func (w *World) pause(d time.Duration) {
	w.clock.advance(d)
	w.turn()
	w.pump()
}

// sitting is one run of the loop, from the opening on.
func (w *World) sitting(a *actor) (services.Next, error) {
	opened, err := w.open()
	if err != nil {
		return services.Next{}, err
	}
	if !slices.Contains(w.cases, opened.Case) {
		w.cases = append(w.cases, opened.Case)
	}
	w.token = opened.Token
	var in services.Input
	for {
		next, err := w.message("Next", func(c *services.Counter) (services.Next, error) {
			return c.Next(background, opened.Token, opened.Case, in)
		})
		if err != nil {
			return next, err
		}
		in = services.Input{}
		switch {
		case next.Operation != "":
			reply, err := w.errand(next, opened)
			if err != nil {
				return next, err
			}
			in.Reply = reply
		case next.Ask != nil:
			in.Answer = w.person(next)
		case next.Wait != nil:
			w.pause(time.Duration(next.Wait.AfterMS) * time.Millisecond)
		default:
			return next, nil
		}
	}
}

// open opens the case with the newest pair on the key that the hall accepts.
func (w *World) open() (services.Opened, error) {
	nonce, err := message(w, "Nonce", func(c *services.Counter) (services.Nonce, error) { return c.Nonce(background) })
	if err != nil {
		return services.Opened{}, err
	}
	serials, err := w.serials()
	if err != nil {
		return services.Opened{}, err
	}
	err = error(token.ErrNoCertificate)
	for _, serial := range serials {
		var signed proof.Signed
		signed, err = order(w, "open", func() (proof.Signed, error) {
			return w.pc.agent.SignOpening(background, keySerial, proof.Opening{
				Authority: nonce.Authority, Service: string(w.sched.Service), Serial: serial, Origin: nonce.Origin, Nonce: nonce.Nonce,
			})
		})
		if err != nil {
			continue
		}
		var opened services.Opened
		opened, err = message(w, "Open", func(c *services.Counter) (services.Opened, error) {
			return c.Open(background, proof.Encode(signed))
		})
		if err == nil {
			return opened, nil
		}
	}
	return services.Opened{}, err
}

// serials are those of the pairs on the key, newest first.
func (w *World) serials() ([]string, error) {
	order1 := proof.Encode(proof.Identify{Authority: authorityID})
	der, err := order(w, "list", func() ([]byte, error) { return w.pc.agent.Do(background, keySerial, order1) })
	if err != nil {
		return nil, err
	}
	l, err := proof.Decode[proof.Listing](der)
	if err != nil {
		return nil, err
	}
	type pair struct {
		serial string
		made   time.Time
	}
	var found []pair
	for _, c := range l.Containers {
		if cert, err := gm.ParseCertificate(c.Sign); err == nil {
			found = append(found, pair{string(certhall.SerialOf(cert.SerialNumber)), cert.NotBefore})
		}
	}
	slices.SortFunc(found, func(a, b pair) int { return b.made.Compare(a.made) })
	var serials []string
	for _, p := range found {
		serials = append(serials, p.serial)
	}
	return serials, nil
}

// errand takes an order to the agent and gives its reply. An order that
// arrives late has its reply carried to the hall late, too.
func (w *World) errand(next services.Next, opened services.Opened) ([]byte, error) {
	w.book.hand(next.Message)
	carry := func() ([]byte, error) { return w.pc.agent.Do(background, keySerial, next.Message) }
	return arriving(w, Order, next.Operation, carry, func() {
		if reply, err := carry(); err == nil {
			_, _ = w.serving().counter.Next(background, opened.Token, opened.Case, services.Input{Reply: reply})
		}
	})
}

// person answers the hall's questions: the phone is on record, codes are read
// from the outbox.
func (w *World) person(next services.Next) *services.Answer {
	if next.Ask.Kind == "phone" {
		return &services.Answer{Phone: phone}
	}
	if code := w.lastCode(); next.Ask.Sent && code != "" {
		return &services.Answer{Code: code}
	}
	if next.Ask.ResendAfter > 0 {
		w.pause(time.Duration(next.Ask.ResendAfter) * time.Second)
	}
	return &services.Answer{SendCode: true}
}

// lastCode is the last code that was sent and not tried yet.
func (w *World) lastCode() string {
	messages, err := w.data.hall.Messages(background, w.clock.Now().Add(-10*time.Minute), 100)
	if err != nil || len(messages) == 0 {
		return ""
	}
	m := messages[len(messages)-1]
	if m.Key == w.triedCode {
		return ""
	}
	w.triedCode = m.Key
	return m.Vars["code"]
}

func (w *World) message(name string, fn func(*services.Counter) (services.Next, error)) (services.Next, error) {
	return message(w, name, fn)
}

// message carries something to whichever node serves, and its reply back.
func message[T any](w *World, name string, fn func(*services.Counter) (T, error)) (T, error) {
	return arriving(w, Message, name, func() (answer T, err error) {
		lost := w.atServer(func() error {
			answer, err = fn(w.serving().counter)
			return nil
		})
		return answer, errors.Join(err, lost)
	}, nil)
}

func order[T any](w *World, name string, fn func() (T, error)) (T, error) {
	return arriving(w, Order, name, fn, nil)
}

// arriving is a boundary whose bytes can arrive late: then late is done, or
// the same once more if it is nil.
func arriving[T any](w *World, kind Kind, name string, fn func() (T, error), late func()) (answer T, err error) {
	w.late = late
	err = w.boundary(kind, name, true, func() (err error) {
		answer, err = fn()
		return err
	})
	if err != nil {
		var none T
		return none, err
	}
	return answer, nil
}
