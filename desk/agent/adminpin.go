package agent

import (
	"bytes"
	"context"
	"errors"
	"slices"

	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/proof"
)

// opening is the unlocking of one key with what an answer's envelope holds.
type opening struct {
	a    *Agent
	key  token.Key
	w    *waiting
	pins proof.AdminPINs
	pin  string // the user's new one
}

// choose asks for the user's new PIN.
func (o *opening) choose(ctx context.Context, why string) (err error) {
	o.pin, err = o.a.Person.NewPIN(ctx, NewPINRequest{Key: o.key.Info(), Purpose: ToUnlock, Why: why})
	return err
}

// open unlocks the key. An error leaves the outcome open, and w such that the
// same answer goes on from here.
func (o *opening) open(ctx context.Context) (outcome string, tried int, err error) {
	if len(o.pins.Response) > 0 {
		return o.respond(ctx)
	}
	for _, i := range o.order() {
		state, err := o.key.AdminPINState(ctx)
		if err != nil && !errors.Is(err, token.ErrUnsupported) {
			return "", 0, err
		}
		if state.Locked || state.Final && !o.surely(i) {
			return proof.UnlockFailed, 0, nil // the last try is never spent on a guess
		}
		outcome, err := o.try(ctx, i)
		switch {
		case err == nil && outcome == proof.UnlockKept:
			return outcome, i, nil
		case err == nil:
			return outcome, 0, nil
		case errors.Is(err, token.ErrAdminPINLocked):
			return proof.UnlockFailed, 0, nil
		case !errors.Is(err, token.ErrAdminPINWrong):
			return "", 0, err
		}
		o.w.Wrong = append(o.w.Wrong, i)
		if err := o.w.save(); err != nil {
			return "", 0, err
		}
	}
	return proof.UnlockFailed, 0, nil
}

// next is Next's number among the candidates: those of Try, and it.
func (o *opening) next() int {
	i := slices.IndexFunc(o.pins.Try, func(pin []byte) bool { return bytes.Equal(pin, o.pins.Next) })
	if i < 0 {
		return len(o.pins.Try)
	}
	return i
}

// surely tells whether a candidate is known to lie on the key.
func (o *opening) surely(i int) bool { return o.w.Changed && i == o.next() }

// order is in which order the candidates are tried, without those that were
// wrong already. Next is among them once a run may have brought it to the key:
// behind the one that was to be changed, unless that is known to have happened.
func (o *opening) order() []int {
	var order []int
	for i := range o.pins.Try {
		order = append(order, i)
	}
	order = slices.DeleteFunc(order, func(i int) bool { return slices.Contains(o.w.Wrong, i) })
	next := o.next()
	switch {
	case o.w.Changed:
		order = append([]int{next}, slices.DeleteFunc(order, func(i int) bool { return i == next })...)
	case o.w.Begun && next == len(o.pins.Try) && !slices.Contains(o.w.Wrong, next):
		order = slices.Insert(order, min(1, len(order)), next)
	}
	return order
}

// try presents one candidate: it is changed to Next first, and Next unlocks the
// key. Where the key does not take Next, the candidate itself unlocks it.
func (o *opening) try(ctx context.Context, i int) (outcome string, err error) {
	if i == o.next() {
		return proof.UnlockChanged, o.unblock(ctx, o.pins.Next)
	}
	before := o.w.Begun
	o.w.Begun = true
	if err := o.w.save(); err != nil {
		return "", err
	}
	switch err := o.key.ChangeAdminPIN(ctx, string(o.pins.Try[i]), string(o.pins.Next)); {
	case errors.Is(err, token.ErrPINRefused), errors.Is(err, token.ErrUnsupported):
		o.w.Begun = before
		return proof.UnlockKept, o.unblock(ctx, o.pins.Try[i])
	case errors.Is(err, token.ErrAdminPINWrong):
		o.w.Begun = before // this call changed nothing; whoever called saves
		return "", err
	case err != nil:
		return "", err
	}
	o.w.Changed = true
	if err := o.w.save(); err != nil {
		return "", err
	}
	return proof.UnlockChanged, o.unblock(ctx, o.pins.Next)
}

// unblock sets the user's PIN, and asks for another one if the key does not
// take it.
func (o *opening) unblock(ctx context.Context, admin []byte) error {
	for {
		err := o.key.Unblock(ctx, string(admin), o.pin)
		if !errors.Is(err, token.ErrPINRefused) {
			return err
		}
		if err := o.choose(ctx, NewPINRefused); err != nil {
			return err
		}
	}
}

// respond gives the maker's answer to the key's question.
func (o *opening) respond(ctx context.Context) (outcome string, tried int, err error) {
	c, ok := o.key.(token.Challenger)
	if !ok {
		return "", 0, token.ErrUnsupported
	}
	for {
		err := c.Respond(ctx, o.pins.Response, o.pin)
		switch {
		case err == nil:
			return proof.UnlockAnswered, 0, nil
		case errors.Is(err, token.ErrAdminPINLocked):
			return proof.UnlockFailed, 0, nil
		case errors.Is(err, token.ErrAdminPINWrong), errors.Is(err, token.ErrDriverWrong): // without a question some libraries answer a code of their own
			return proof.UnlockUnanswered, 0, nil
		case !errors.Is(err, token.ErrPINRefused):
			return "", 0, err
		}
		if err := o.choose(ctx, NewPINRefused); err != nil {
			return "", 0, err
		}
	}
}
