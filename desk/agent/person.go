package agent

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/desk/token"
)

// env is what the steps see of the agent: trust, randomness and the person.
func (a *Agent) env(s *slot, at act) token.Env {
	key := s.key
	return token.Env{
		Trust:  a.trustIn(at.authority),
		Random: a.random,
		Unlock: func(ctx context.Context) error {
			_, err := a.unlock(ctx, key, at.purpose)
			s.used = a.clock.Now()
			return err
		},
		Consent: func(ctx context.Context, t token.Terms) (bool, error) {
			return a.Person.Consent(ctx, ConsentRequest{Key: key.Info(), What: t.What, Facts: facts(t)})
		},
		Hides:    func(h *token.Holding) bool { return !a.mine(h) },
		Progress: a.Progress,
	}
}

// LastTry is what a ConsentRequest to use the last PIN try is about.
const LastTry = "last-try"

// unlock asks for the PIN until it is right, and answers it; "" if the key is
// logged in. The last try is used only with the person's explicit consent, and
// no PIN is tried twice in a row.
func (a *Agent) unlock(ctx context.Context, key token.Key, purpose string) (pin string, err error) {
	wrong, last := error(nil), ""
	for !key.LoggedIn() {
		state, err := key.PINState(ctx)
		if err != nil {
			return "", err
		}
		if state.Locked {
			return "", token.ErrPINLocked
		}
		if state.Final {
			refusal := wrong // the last try is left because a PIN was wrong just now
			if refusal == nil {
				refusal = ErrPINLastTry
			}
			if err := a.agree(ctx, ConsentRequest{Key: key.Info(), What: LastTry}, refusal); err != nil {
				return "", err
			}
		}
		pin, err = a.Person.PIN(ctx, PINRequest{
			Key: key.Info(), Purpose: purpose, Tries: state.Tries, Final: state.Final, Wrong: wrong != nil,
		})
		if err != nil {
			return "", err
		}
		switch {
		case pin == "": // it is no try
			return "", token.ErrPINNeeded
		case wrong != nil && pin == last:
			return "", wrong
		}
		switch err := key.Login(ctx, pin); {
		case errors.Is(err, token.ErrPINWrong):
			wrong, last = err, pin
		case err != nil:
			return "", err
		}
	}
	return pin, nil
}

// TakesNothing tells whether the act leaves everything on the key as it is:
// it was agreed to with the PIN, and is not asked for again.
func (r ConsentRequest) TakesNothing() bool {
	return r.What == token.ToPrepare && !slices.ContainsFunc(r.Facts, func(f Fact) bool {
		return f.Name == "disposal" && f.Value != string(certhall.Keep)
	})
}

// agree asks for consent; refusal is what a person's no becomes.
func (a *Agent) agree(ctx context.Context, r ConsentRequest, refusal error) error {
	agreed, err := a.Person.Consent(ctx, r)
	if err == nil && !agreed {
		return refusal
	}
	return err
}

// facts are a step's terms, line by line.
func facts(t token.Terms) []Fact {
	all := []Fact{{"service", string(t.Service)}, {"subject", t.Subject}, {"serial", string(t.Serial)}}
	if !t.NotAfter.IsZero() {
		all = append(all, Fact{"not-after", certhall.Date(t.NotAfter)})
	}
	if t.Years > 0 {
		all = append(all, Fact{"years", strconv.Itoa(t.Years)})
	}
	return filled(append(all, Fact{"disposal", string(t.Disposal)}))
}

// filled leaves out what is empty, and what no screen should get.
func filled(all []Fact) []Fact {
	var kept []Fact
	for _, f := range all {
		if f.Value = Printable(f.Value); f.Value != "" {
			kept = append(kept, f)
		}
	}
	return kept
}

// Printable is a text that neither breaks lines nor steers terminals: drafts,
// keys and certificates bring some of them.
func Printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, s)
}
