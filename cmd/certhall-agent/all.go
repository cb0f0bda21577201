package main

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/emmansun/gmsm/smx509"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/desk/agent"
	"github.com/certhall/certhall/desk/courier"
	"github.com/certhall/certhall/desk/token"
)

// round goes through certificate after certificate on key after key (--all).
// One that fails stops no other. It keeps nothing: started again, it goes on
// with what is open, as every case does.
type round struct {
	*shell
	service  certhall.Service
	list     func(context.Context) ([]agent.Listed, error)
	over     func(pairs []certhall.Serial) []certhall.Serial // those that had their day
	carry    func(key string, pair certhall.Serial) (courier.Next, error, error)
	outcomes []outcome
	past     []certhall.Serial // had their day, or are another authority's
	wrongPIN *certhall.Error   // of a script's PIN: it is tried no more, on no key
}

// all carries the service through for whatever can have it.
func (c *serviceCmd) all(s *shell, service certhall.Service, roots []*smx509.Certificate) error {
	keys, err := c.chosen(s)
	if err != nil {
		return err
	}
	a := s.agent(keys, roots).As(agent.Caller{Person: person{s}, Series: true})
	defer a.Close()
	r := &round{
		shell: s, service: service, list: a.List,
		over: func(pairs []certhall.Serial) []certhall.Serial { return c.over(s, pairs) },
		carry: func(key string, pair certhall.Serial) (courier.Next, error, error) {
			return c.carry(s, a, key, service, pair)
		},
	}
	return r.turn(c.Key == "" && s.interactive())
}

// turn takes the keys that are plugged in; asked for more, it then has the
// person put in the next ones, until he says that it is enough.
func (r *round) turn(more bool) error {
	seen := false
	for {
		listed, err := r.list(r.ctx)
		if err != nil {
			return err
		}
		seen = seen || len(listed) > 0
		before := len(r.outcomes)
		for _, l := range listed {
			r.key(l)
		}
		if !more || r.ctx.Err() != nil {
			break
		}
		if len(r.outcomes) == before {
			r.note("cli.all.none")
		}
		line, err := r.ask(r.text("cli.all.next"))
		if err != nil || strings.EqualFold(line, "q") {
			break
		}
	}
	if !seen {
		return errNoKey.With("key", r.Keys)
	}
	return r.end()
}

// key takes one key: what is settled on it is left alone.
func (r *round) key(l agent.Listed) {
	r.forget(l.Serial, "") // what stood against the key as a whole may have passed
	switch {
	case l.Trouble != nil:
		r.add(outcome{Key: l.Serial, Subject: l.Label}, l.Trouble)
		return
	case l.PIN.Locked:
		r.add(outcome{Key: l.Serial, Subject: l.Label}, token.ErrPINLocked)
		return
	}
	var open []outcome
	pairs := courier.Candidates(l.Containers, r.service, r.clock.Now())
	r.past = append(r.past, r.over(pairs)...)
	for _, serial := range pairs {
		o := outcome{Key: l.Serial, Serial: serial, Subject: l.Label}
		for _, h := range l.Containers {
			if h.Sign != nil && certhall.SerialOf(h.Sign.SerialNumber) == serial {
				o.Subject, o.NotAfter = h.Sign.Subject.CommonName, h.Sign.NotAfter
			}
		}
		if !r.settled(o) {
			open = append(open, o)
		}
	}
	if len(open) > 0 {
		r.say("cli.all.key", "key", l.Label+" "+l.Serial, "count", strconv.Itoa(len(open)))
	}
	var stopped error // why nothing more is done on this key
	for _, o := range open {
		if err := r.ctx.Err(); err != nil {
			stopped = errInterrupted.Because(err)
		} else if r.wrongPIN != nil {
			stopped = r.wrongPIN
		}
		if stopped != nil {
			r.add(o, stopped)
			continue
		}
		if err := r.pair(o); exitCode(certhall.AsError(err)) == exitPIN {
			stopped = err // whoever has to type it again is asked again, but not by itself
		}
	}
}

// pair carries one through and says what came of it.
func (r *round) pair(o outcome) error {
	r.say("cli.all.pair", "subject", agent.Printable(o.Subject), "to", certhall.Date(o.NotAfter), "serial", string(o.Serial))
	last, leftover, err := r.carry(o.Key, o.Serial)
	if err != nil && r.ctx.Err() != nil {
		err = errInterrupted.Because(err)
	}
	if err == nil {
		r.result(r.service, last, leftover)
		if last.Result != nil && last.Result.New != nil {
			o.NotAfter = last.Result.New.NotAfter
		}
		r.add(o, nil)
		return nil
	}
	if e := certhall.AsError(err); r.PinFD >= 0 && exitCode(e) == exitPIN {
		r.wrongPIN = e
	}
	if _, history := courier.Passable(err); history {
		r.say("cli.all.history")
		r.past = append(r.past, o.Serial)
		return nil
	}
	r.add(o, err)
	return err
}

// settled tells whether there is nothing left to do about it in this round.
func (r *round) settled(o outcome) bool {
	return slices.Contains(r.past, o.Serial) || slices.ContainsFunc(r.outcomes, func(other outcome) bool { return other.is(o.Key, o.Serial) && other.Outcome != isOpen })
}

func (r *round) forget(key string, serial certhall.Serial) {
	r.outcomes = slices.DeleteFunc(r.outcomes, func(o outcome) bool { return o.is(key, serial) })
}
