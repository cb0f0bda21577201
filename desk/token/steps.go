package token

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/proof"
)

// What the steps answer beside the key's own errors and a proof.Trouble.
// These stay between the agent and the person.
var (
	// ErrOldPairMissing: the pair the order starts from does not lie on this key.
	ErrOldPairMissing = certhall.NewError("old-pair-missing", certhall.NotFound)
	// ErrBundle: the certificates that came do not fit the key or the old pair.
	ErrBundle = certhall.NewError("bundle-wrong", certhall.Denied)
	// ErrDeclined: the person did not agree to what was shown.
	ErrDeclined = certhall.NewError("declined", certhall.Denied)
)

// Env is what the steps need beside the key.
type Env struct {
	Trust  *Trust
	Random io.Reader
	// Unlock logs in to the key where that has not been done. The steps call it
	// after they have checked the order and before the first command that needs it.
	Unlock func(context.Context) error
	// Consent shows the person what is about to be done and asks for agreement.
	Consent func(context.Context, Terms) (bool, error)
	// Hides tells which containers the caller is not shown; nil hides none.
	Hides func(*Holding) bool
	// Progress is told, where it is set, which part of the new pair is on the key now.
	Progress func(part string)
}

// Parts of a pair, as Progress names them.
const (
	PartSigningKey     = "signing-key"
	PartSignCert       = "sign-certificate"
	PartEncryptionKey  = "encryption-key"
	PartEncryptionCert = "encryption-certificate"
	PartTested         = "tested" // all four, and they work
)

func (e Env) progress(part string) {
	if e.Progress != nil {
		e.Progress(part)
	}
}

// What Terms are about.
const (
	ToPrepare  = "prepare"   // the old key signs the request for its successor
	ToMakeRoom = "make-room" // an old container goes for good
)

// Terms are shown to the person before an act.
type Terms struct {
	What     string
	Service  certhall.Service
	Subject  string // common name of the pair concerned
	Serial   certhall.Serial
	NotAfter time.Time // of that pair
	Years    int
	Disposal certhall.Disposal
}

func (e Env) unlock(ctx context.Context) error {
	if e.Unlock == nil {
		return nil // the caller has logged in
	}
	return e.Unlock(ctx)
}

// agree shows the terms: ErrDeclined if the person does not agree.
func (e Env) agree(ctx context.Context, t Terms) error {
	if e.Consent == nil {
		return ErrDeclined
	}
	agreed, err := e.Consent(ctx, t)
	if err == nil && !agreed {
		return ErrDeclined
	}
	return err
}

// faulty tells whether an error is the container's own fault, so that its self-
// test fails by it. No power, no PIN, a busy or garbled key are not.
func faulty(err error) bool {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrKeyDamaged) {
		return false
	}
	kind := certhall.AsError(err).Kind
	return kind != certhall.Unavailable && kind != certhall.Denied
}

// attempt names an attempt in a reply.
type attempt struct {
	authority, id string
	number        int
}

func (a attempt) container() string {
	return certhall.ContainerName(a.authority, certhall.CaseID(a.id), a.number)
}

// attemptOf takes the attempt from a message that must be of the order's
// authority and name a container of our form.
func attemptOf(ordered, authority, id string, number int) (attempt, error) {
	a := attempt{authority, id, number}
	if authority != ordered {
		return a, ErrUntrusted.Becausef("message of %.40q in an order of %.40q", authority, ordered)
	}
	if _, _, _, ok := certhall.ParseContainerName(a.container()); !ok {
		return a, ErrUntrusted.Becausef("container %.80q", a.container())
	}
	return a, nil
}

func (a attempt) trouble(reason string) proof.Trouble {
	return proof.Trouble{Authority: a.authority, Case: a.id, Attempt: a.number, Reason: reason}
}
