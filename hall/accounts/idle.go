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
	if a.LastLogin.After(last) {
		last = a.LastLogin
	}
	return now.Sub(last) >= IdleAfter
}

func (d *Desk) nonces() nonce.Maker {
	return nonce.Maker{Purpose: "certhall/login-nonce/1", Secret: d.Secret, Clock: d.Clock, Random: d.Random}
}

// LoginNonce makes the one-time value that a key signs to log in.
func (d *Desk) LoginNonce(context.Context) (LoginNonce, error) {
	n, expires, err := d.nonces().New()
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

// checkKey wants a log-in signed by the key of a pair that is the person's and
// that the authority calls current. It may have expired: who comes to have it
// repaired comes with that key.
func (d *Desk) checkKey(ctx context.Context, t *attempt, lineages []certhall.LineageID) error {
	signed, err := proof.Decode[proof.Signed](t.Signed)
	if err != nil {
		return err
	}
	l, err := proof.Decode[proof.Login](signed.Message)
	if err != nil {
		return err
	}
	if l.Origin != d.Origin {
		return ErrLoginOrigin
	}
	expires, counts := d.nonces().Check(l.Nonce)
	if !counts {
		return ErrLoginNonce
	}
	if l.Authority != d.AuthorityID {
		return ErrLoginKey
	}
	view, err := d.Authority.Pair(ctx, authority.PairQuery{Serial: certhall.Serial(l.Serial)})
	switch {
	case err != nil && certhall.AsError(err).Kind == certhall.NotFound:
		return ErrLoginKey.Because(err)
	case err != nil:
		return err
	case view.Pair == nil || view.Pair.SignSerial != certhall.Serial(l.Serial) || view.Certificate == nil,
		view.Pair.State != authority.Current, view.Pair.Suspended, !slices.Contains(lineages, view.Pair.Lineage):
		return ErrLoginKey
	}
	certificate, err := gm.ParseCertificate(view.Certificate)
	if err != nil {
		return err
	}
	if _, err := proof.VerifyKey[proof.Login](signed, certificate.PublicKey); err != nil {
		return ErrLoginKey.Because(err)
	}
	t.nonce, t.expires = l.Nonce, expires
	return nil
}
