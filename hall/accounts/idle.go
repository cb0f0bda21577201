package accounts

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/hall/nonce"
	"github.com/certhall/certhall/proof"
)

// IdleAfter is how long an account may rest until its phone number may be
// somebody else's: operators give numbers out again.
const IdleAfter = 180 * 24 * time.Hour

// What the log-in of an idle account is answered.
var (
	ErrLoginIdle   = certhall.NewError("login-idle", certhall.Conflict)       // ways: password, key
	ErrLoginKey    = certhall.NewError("login-key-wrong", certhall.Denied)    // not by a key of his
	ErrLoginOrigin = certhall.NewError("login-origin-wrong", certhall.Denied) // signed for another site
	ErrLoginNonce  = certhall.NewError("login-nonce-expired", certhall.Conflict)
)

// idle tells whether a person has been away so long that his phone alone does
// not tell who he is.
func (a Account) idle(now time.Time) bool {
	last := a.MadeAt
	for _, later := range []time.Time{a.LastLogin, a.PhoneAt} {
		if later.After(last) {
			last = later
		}
	}
	return now.Sub(last) >= IdleAfter
}

func (d *Desk) nonces() nonce.Maker {
	return nonce.Maker{Purpose: "certhall/login-nonce/1", Secret: d.Secret, Clock: d.Clock, Random: d.Random}
}

// LoginNonce makes the one-time value that a key signs to log in.
func (d *Desk) LoginNonce(context.Context) (LoginNonce, error) { return d.keyNonce(d.nonces()) }

func (d *Desk) keyNonce(m nonce.Maker) (LoginNonce, error) {
	n, expires, err := m.New()
	return LoginNonce{Nonce: n, Authority: d.AuthorityID, Origin: d.Origin, ExpiresAt: expires}, err
}

// checkIdle asks whoever comes by phone to an account that was idle for more:
// a password of his own, or the signature of one of his keys. The phone stays
// proved meanwhile.
func (d *Desk) checkIdle(ctx context.Context, t *attempt) error {
	if t.account == nil || t.password || !t.account.idle(d.now()) {
		return nil
	}
	var lineages []certhall.LineageID
	err := d.Store.Read(ctx, func(r Reader) (err error) {
		lineages, err = r.LineagesOf(t.account.ID)
		return err
	})
	if err != nil {
		return err
	}
	if len(t.Signed) > 0 {
		return d.checkKey(ctx, t, lineages)
	}
	var ways []string
	if t.account.Password != "" {
		ways = append(ways, "password")
	}
	if len(lineages) > 0 {
		ways = append(ways, "key")
	}
	return ErrLoginIdle.With("ways", strings.Join(ways, ","))
}

// checkKey wants a log-in signed by the key of one of the person's lineages.
func (d *Desk) checkKey(ctx context.Context, t *attempt, lineages []certhall.LineageID) error {
	k, err := d.keyOf(ctx, t.Signed, d.nonces())
	if err != nil {
		return err
	}
	if !slices.Contains(lineages, k.pair.Lineage) {
		return ErrLoginKey
	}
	t.nonce, t.expires = k.nonce, k.expires
	return nil
}

// signedBy is a pair whose key has signed a proof.Login. Its nonce is still to
// be spent.
type signedBy struct {
	pair    *authority.PairInfo
	nonce   []byte
	expires time.Time
}

// keyOf wants a proof.Login signed, over a nonce of this maker, by the key of a
// pair that the authority calls current. It may have expired: who comes to have
// it repaired comes with that key.
func (d *Desk) keyOf(ctx context.Context, der []byte, nonces nonce.Maker) (k signedBy, err error) {
	signed, err := proof.Decode[proof.Signed](der)
	if err != nil {
		return k, err
	}
	l, err := proof.Decode[proof.Login](signed.Message)
	if err != nil {
		return k, err
	}
	if l.Origin != d.Origin {
		return k, ErrLoginOrigin
	}
	expires, counts := nonces.Check(l.Nonce)
	if !counts {
		return k, ErrLoginNonce
	}
	if l.Authority != d.AuthorityID {
		return k, ErrLoginKey
	}
	view, err := d.Authority.Pair(ctx, authority.PairQuery{Serial: certhall.Serial(l.Serial)})
	switch {
	case err != nil && certhall.AsError(err).Kind == certhall.NotFound:
		return k, ErrLoginKey.Because(err)
	case err != nil:
		return k, err
	case view.Pair == nil || view.Pair.SignSerial != certhall.Serial(l.Serial) || view.Certificate == nil,
		view.Pair.State != authority.Current, view.Pair.Suspended:
		return k, ErrLoginKey
	}
	certificate, err := gm.ParseCertificate(view.Certificate)
	if err != nil {
		return k, err
	}
	if _, err := proof.VerifyKey[proof.Login](signed, certificate.PublicKey); err != nil {
		return k, ErrLoginKey.Because(err)
	}
	return signedBy{view.Pair, l.Nonce, expires}, nil
}
