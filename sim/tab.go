package sim

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/desk/agent"
	"github.com/certhall/certhall/desk/courier"
	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/hall/services"
	"github.com/certhall/certhall/proof"
)

// A tab is the command line's courier, started by a person: where something
// fails he starts it again, on the same PC or the next one.

// patience is how often a person tries before he leaves it for another day.
const patience = 10

// tab plays one person's tab until the case has ended or patience has.
func (w *World) tab(a *actor) {
	service := w.sched.Service
	for range patience {
		err := error(courier.ErrUnreachable) // if the PC dies
		w.onPC(a, func() { err = w.sitting(service) })
		w.end = ""
		switch {
		case err == nil:
			w.end = string(services.Done)
		case errors.Is(err, courier.ErrReissue):
			w.end = string(services.NeedsReissue)
		case errors.Is(err, authority.ErrExpired) && service == certhall.Renew:
			w.judgeWindow()
			service = certhall.Repair // as the hint says
		case final(err):
			w.end = string(services.Refused)
		}
		if w.end != "" {
			w.pause(time.Second) // the workers carry the last reports
			return
		}
		w.pause(time.Minute)
	}
}

// final tells a refusal of the service from trouble that passes.
func final(err error) bool {
	return slices.ContainsFunc([]*certhall.Error{
		authority.ErrExpired, authority.ErrNotExpired, authority.ErrTooEarly, authority.ErrTooLate,
		authority.ErrRevoked, authority.ErrSuperseded, authority.ErrNotCurrent,
	}, func(e *certhall.Error) bool { return errors.Is(err, e) })
}

// onPC runs f on the present PC; if the PC dies meanwhile, f ends there.
func (w *World) onPC(a *actor, f func()) {
	a.pcLife = w.pcLife
	defer func() {
		a.pcLife = 0
		if p := recover(); p != nil {
			if d, ok := p.(death); !ok || d.server || w.ending {
				panic(p)
			}
		}
	}()
	f()
}

// pause lets time pass: others act, and the server's workers run.
func (w *World) pause(d time.Duration) {
	w.clock.advance(d)
	w.turn()
	w.pump()
}

// list reads what lies on the keys, in one turn.
func (w *World) list() ([]agent.Listed, error) {
	a := w.actor
	a.listing = true
	defer func() { a.listing = false }()
	return w.pc.agent.List(background)
}

// listed refuses what arrives while the keys are listed: it would wait for the
// end of that, which is one turn here.
func (w *World) listed() error {
	if w.actor != nil && w.actor.listing {
		return token.ErrKeyBusy
	}
	return nil
}

// sitting is one start of the command line: it tries the likely pairs on the
// key in turn, as cmd/certhall-agent does.
func (w *World) sitting(service certhall.Service) error {
	listed, err := bound(w, Order, "list", w.list)
	if err != nil {
		return err
	}
	if len(listed) == 0 {
		return token.ErrRemoved // while its state was read
	}
	if listed[0].Trouble != nil {
		return listed[0].Trouble
	}
	var first, firstLive error
	for _, serial := range courier.Candidates(listed[0].Containers, service, w.clock.Now()) {
		c := &carried{w: w}
		_, _, err := courier.Run{
			Server: c, Agent: c, Person: c, Wait: c.wait, KeySerial: w.medium.serial(), Service: service, Serial: serial,
		}.Do(background)
		passable, history := courier.Passable(err)
		if err == nil || !passable {
			return err
		}
		if first == nil {
			first = err
		}
		if firstLive == nil && !history {
			firstLive = err
		}
	}
	switch {
	case firstLive != nil:
		return firstLive
	case first != nil:
		return first
	}
	return errNothing
}

// errNothing: no pair on the key can be used at this moment.
var errNothing = errors.New("sim: no pair on the key")

// carried is one run's hall, agent and person, with a boundary on every way.
type carried struct {
	w   *World
	ref courier.CaseRef
}

func (c *carried) wait(_ context.Context, d time.Duration) error {
	c.w.pause(d)
	return nil
}

// Nonce implements courier.Server.
func (c *carried) Nonce(ctx context.Context) (courier.Nonce, error) {
	return message[courier.Nonce](c.w, "Nonce", true, func(s *services.Counter) (any, error) { return s.Nonce(ctx) })
}

// Open implements courier.Server.
func (c *carried) Open(ctx context.Context, opening proof.Signed) (courier.CaseRef, error) {
	ref, err := message[courier.CaseRef](c.w, "Open", false, func(s *services.Counter) (any, error) {
		return s.Open(ctx, services.Caller{}, proof.Encode(opening))
	})
	if err == nil {
		if !slices.Contains(c.w.cases, ref.Case) {
			c.w.cases = append(c.w.cases, ref.Case)
		}
		c.ref, c.w.token = ref, ref.Token
	}
	return ref, err
}

// Next implements courier.Server.
func (c *carried) Next(ctx context.Context, ref courier.CaseRef, in courier.Input) (courier.Next, error) {
	input := services.Input{Reply: in.Reply, Address: "192.0.2.1"}
	if in.Answer != nil {
		input.Answer = &services.Answer{
			Phone: in.Answer.Phone, SendCode: in.Answer.SendCode, Code: in.Answer.Code, Pay: (*services.Agree)(in.Answer.Pay),
		}
	}
	return message[courier.Next](c.w, "Next", true, func(s *services.Counter) (any, error) {
		return s.Next(ctx, services.Caller{Token: ref.Token}, ref.Case, input)
	})
}

// Close implements courier.Server.
func (c *carried) Close(ctx context.Context, ref courier.CaseRef) (courier.Next, error) {
	return message[courier.Next](c.w, "Close", true, func(s *services.Counter) (any, error) {
		return s.Close(ctx, services.Caller{Token: ref.Token}, ref.Case)
	})
}

// SignOpening implements courier.Agent.
func (c *carried) SignOpening(ctx context.Context, key string, o proof.Opening) (proof.Signed, error) {
	return bound(c.w, Order, "open", func() (proof.Signed, error) {
		if err := c.w.listed(); err != nil {
			return proof.Signed{}, err
		}
		return c.w.pc.agent.SignOpening(ctx, key, o)
	})
}

// Do implements courier.Agent. An order that arrives late has its reply
// carried to the hall late, too.
func (c *carried) Do(ctx context.Context, key string, order []byte) ([]byte, error) {
	c.w.book.hand(order)
	do := func() ([]byte, error) {
		if err := c.w.listed(); err != nil {
			return nil, err
		}
		c.w.orderBegan = c.w.n
		reply, err := c.w.pc.agent.Do(ctx, key, order)
		c.w.judgeReply(reply)
		return reply, err
	}
	c.w.late = func() {
		if reply, err := do(); err == nil {
			_, _ = c.w.serving().counter.Next(ctx, services.Caller{Token: c.ref.Token}, c.ref.Case, services.Input{Reply: reply})
		}
	}
	return bound(c.w, Order, orderName(order), do)
}

// orderName is the kind of an order: certhall/install/1 is install.
func orderName(order []byte) string {
	name := proof.Tag(order)
	return name[len("certhall/") : len(name)-len("/1")]
}

// Answer implements courier.Person: the phone is on record, codes are read
// from the outbox, what is offered is agreed to, an order is waited for; a
// problem is left for later.
func (c *carried) Answer(_ context.Context, a courier.Ask, problem *certhall.Error) (courier.Answer, error) {
	if problem != nil {
		return courier.Answer{}, problem
	}
	if a.Kind == courier.AskPhone {
		return courier.Answer{Phone: phone}, nil
	}
	if a.Kind == courier.AskPay {
		if o := a.Pay.Order; o != nil {
			if o.CodeURL != "" {
				c.w.payAtBank(o.Order)
			}
			return courier.Answer{}, nil // goes on waiting
		}
		return courier.Answer{Pay: &courier.Agree{Years: a.Pay.Years[0], Total: a.Pay.Line.Subtotal}}, nil
	}
	if code := c.w.lastCode(); a.Sent && code != "" {
		return courier.Answer{Code: code}, nil
	}
	if a.ResendAfter > 0 {
		c.w.pause(time.Duration(a.ResendAfter) * time.Second)
	}
	return courier.Answer{SendCode: true}, nil
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

// lostReplies is how often the courier sends a message again by itself.
const lostReplies = 2

// message carries something to whichever node serves, and its reply back, in
// the form that travels: JSON, and errors without their causes.
func message[T any](w *World, name string, repeat bool, fn func(*services.Counter) (any, error)) (answer T, err error) {
	for tries := 0; ; tries++ {
		answer, err = bound(w, Message, name, func() (answer T, err error) {
			gone := w.atServer(func() error {
				var reply any
				if reply, err = fn(w.serving().counter); err != nil {
					return nil
				}
				text, wrong := json.Marshal(reply)
				err = errors.Join(wrong, json.Unmarshal(text, &answer))
				return nil
			})
			return answer, errors.Join(gone, err)
		})
		switch {
		case err == nil:
			return answer, nil
		case !errors.Is(err, errConnection):
			e := certhall.AsError(err)
			return answer, &certhall.Error{Code: e.Code, Kind: e.Kind, Params: e.Params}
		case !repeat || tries == lostReplies:
			return answer, courier.ErrUnreachable
		}
		w.pause(time.Second)
	}
}

// bound is a boundary with an answer.
func bound[T any](w *World, kind Kind, name string, fn func() (T, error)) (answer T, err error) {
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
