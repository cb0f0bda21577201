// Package courier carries messages between the hall and the agent for the
// command line, as the portal's page does in a browser. It reads none of them:
// it asks the hall "what next?", hands orders to the agent and questions to
// the person, and brings the replies back, until the case has ended. It keeps
// nothing: started again, it goes on where the case stands.
package courier

import (
	"context"
	"errors"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/proof"
)

// What a run answers beside the hall's and the key's own errors.
var (
	// ErrUnreachable: the hall did not answer; nothing is lost.
	ErrUnreachable = certhall.NewError("server-unreachable", certhall.Unavailable)
	// ErrWaiting: the hall has been busy for longer than the courier waits.
	ErrWaiting = certhall.NewError("still-waiting", certhall.Unavailable)
	// ErrAnswer: what answered is no hall, or one of another version.
	ErrAnswer = certhall.NewError("server-answer", certhall.Internal)
	// ErrNoProgress: hall and key send the case in circles.
	ErrNoProgress = certhall.NewError("no-progress", certhall.Internal)
	// ErrEnded: the case ended without a new certificate.
	ErrEnded = certhall.NewError("case-ended", certhall.Denied)
	// ErrReissue: the new pair was lost after it had been confirmed.
	ErrReissue = certhall.NewError("needs-reissue", certhall.Denied)
)

// Server is the hall's door.
type Server interface {
	Nonce(ctx context.Context) (Nonce, error)
	Open(ctx context.Context, opening proof.Signed) (CaseRef, error)
	Next(ctx context.Context, c CaseRef, in Input) (Next, error)
	Close(ctx context.Context, c CaseRef) (Next, error)
}

// Agent is as much of the agent as a run needs.
type Agent interface {
	Do(ctx context.Context, keySerial string, order []byte) ([]byte, error)
	SignOpening(ctx context.Context, keySerial string, o proof.Opening) (proof.Signed, error)
}

// Person answers the hall's questions. problem is what was wrong with the
// answer before, or stands in the way of paying; or nil. An ask with an order
// that stands comes again and again until it is paid, closed or taken back:
// the zero Answer goes on waiting.
type Person interface {
	Answer(ctx context.Context, a Ask, problem *certhall.Error) (Answer, error)
}

// Run is one run of a service for one pair.
type Run struct {
	Server   Server
	Agent    Agent
	Person   Person
	Progress func(Next)                                 // hears every answer of the hall; may be nil
	Wait     func(context.Context, time.Duration) error // Sleep, or a test's
	Patience time.Duration                              // how long it waits for the hall in one go; 0 is two minutes

	KeySerial string
	Service   certhall.Service
	Serial    certhall.Serial // of the pair's signing certificate
}

// Bounds of a run.
const (
	defaultPatience = 2 * time.Minute
	maxOpenings     = 5
	lookAtOrder     = 2 * time.Second // between two looks whether it is paid
	maxSteps        = 64              // orders carried out and conflicts met without the case's step moving
)

// Do opens the case, or takes a standing one over, and goes on until it has
// ended or something stands in the way. With an error the hall's last answer
// is returned beside it. A case that is done is a success, even if an errand
// after it (retire) had to be left for another time: then leftover says why.
func (r Run) Do(ctx context.Context) (last Next, leftover error, err error) {
	c, err := r.open(ctx)
	if err != nil {
		return Next{}, nil, err
	}
	last, err = r.loop(ctx, c)
	if err != nil && last.State == StateDone {
		return last, err, nil
	}
	if err == nil {
		err = verdict(last)
	}
	return last, nil, err
}

// open asks for a nonce and signs it, anew where the answer was lost: an
// opening counts once.
func (r Run) open(ctx context.Context) (c CaseRef, err error) {
	for range maxOpenings {
		n, err := r.Server.Nonce(ctx)
		if err != nil {
			return c, err
		}
		signed, err := r.Agent.SignOpening(ctx, r.KeySerial, proof.Opening{
			Authority: n.Authority, Service: string(r.Service), Serial: string(r.Serial), Origin: n.Origin, Nonce: n.Nonce,
		})
		if err != nil {
			return c, err
		}
		c, err = r.Server.Open(ctx, signed)
		switch e := certhall.AsError(err); {
		case err == nil:
			return c, nil
		case e.Is(ErrUnreachable), e.Code == "opening-expired", e.Code == "case-closing":
			if err := r.pause(ctx, retryAfter); err != nil {
				return c, err
			}
		default:
			return c, err
		}
	}
	return c, errors.Join(err, ErrUnreachable)
}

// loop is the one loop of every service.
func (r Run) loop(ctx context.Context, c CaseRef) (Next, error) {
	var waited time.Duration
	var last Next
	in, idle := Input{}, 0
	for {
		n, err := r.Server.Next(ctx, c, in)
		if err != nil {
			if idle++; conflict(err) && len(in.Reply) > 0 && idle < maxSteps {
				in = Input{} // the reply came late: ask what next
				continue
			}
			return last, err
		}
		if n.Step != last.Step {
			idle = 0
		}
		if n.Wait == nil {
			waited = 0
		}
		last, in = n, Input{}
		if r.Progress != nil {
			r.Progress(n)
		}
		switch {
		case n.Operation != "":
			if idle++; idle > maxSteps {
				return last, ErrNoProgress
			}
			if in.Reply, err = r.Agent.Do(ctx, r.KeySerial, n.Message); err != nil {
				return last, err
			}
		case n.Ask != nil:
			answer, err := r.Person.Answer(ctx, *n.Ask, n.Problem.Error())
			if err != nil {
				return last, err
			}
			if n.Ask.unpaid() != nil && answer == (Answer{}) {
				if err := r.pause(ctx, lookAtOrder); err != nil {
					return last, err
				}
				continue
			}
			in.Answer = &answer
		case n.Wait != nil:
			d := time.Duration(n.Wait.AfterMS) * time.Millisecond
			if waited += d; waited > r.patience() {
				return last, waitingFor(n)
			}
			if err := r.pause(ctx, d); err != nil {
				return last, err
			}
		default:
			return last, nil
		}
	}
}

// verdict is what a run came to that nothing interrupted.
func verdict(n Next) error {
	switch {
	case n.State == StateDone:
		return nil
	case n.Problem != nil:
		return n.Problem.Error()
	case n.State == StateNeedsReissue:
		return ErrReissue
	}
	return ErrEnded
}

func waitingFor(n Next) error {
	e := ErrWaiting.With("reason", n.Wait.Reason)
	if p := n.Problem.Error(); p != nil {
		return e.Because(p)
	}
	return e
}

func conflict(err error) bool {
	var e *certhall.Error
	return errors.As(err, &e) && e.Kind == certhall.Conflict
}

func (r Run) patience() time.Duration {
	if r.Patience > 0 {
		return r.Patience
	}
	return defaultPatience
}

func (r Run) pause(ctx context.Context, d time.Duration) error {
	if r.Wait != nil {
		return r.Wait(ctx, d)
	}
	return Sleep(ctx, d)
}

// Sleep waits, or until the context ends.
func Sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
