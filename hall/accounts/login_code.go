package accounts

import (
	"context"
	"encoding/hex"
	"time"

	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/hall/notify"
)

// loginProofLife is how long a phone that was proved for a log-in waits for
// what the log-in needs besides.
const loginProofLife = 10 * time.Minute

// sendTime bounds the sending of a message behind an answer.
const sendTime = 20 * time.Second

// line is what a code for a log-in is sent on. User names have sends and tries
// of their own: nobody is to find out by them whose phone is whose. The code
// is good for this phone and for nothing but a log-in, so that one read out to
// somebody at his case lets him into nothing.
func (d *Desk) line(t *attempt) line {
	counted := t.name.phone
	if counted == "" {
		sum := gm.SM3([]byte("certhall/user-name/1\x00"), gm.SM3(d.Secret), []byte(t.name.key))
		counted = "name " + hex.EncodeToString(sum[:16])
	}
	return line{counted, loginProof(t.phone), notify.TemplateLogin, true}
}

// loginProof is what a code for a log-in proves: it counts for no case before
// the log-in has succeeded.
func loginProof(phone string) string { return "login " + phone }

// SendLoginCode sends a code for a log-in to whoever is named; a stranger brings
// work that he has done for it. It comes back before a message to the phone of a
// user name has gone: neither time nor failure tells whether there is one.
func (d *Desk) SendLoginCode(ctx context.Context, s Session, typed, address, done string) (CodeSent, error) {
	t, err := d.begin(ctx, Login{Name: typed})
	if err != nil {
		return CodeSent{}, err
	}
	l := d.line(t)
	send, err := d.prepareCode(ctx, s, l, address, done)
	if err != nil {
		return CodeSent{}, err
	}
	if t.name.phone != "" {
		err = send(ctx, t.phone)
	} else if t.phone != "" {
		d.behind(ctx, "a code was not sent", func(ctx context.Context) error { return send(ctx, t.phone) })
	}
	if err != nil {
		return CodeSent{}, err
	}
	return d.codeSent(ctx, s, l)
}

// sendNow sends a code to a phone, or a mail address, and tells how things stand;
// a stranger brings work that he has done for it.
func (d *Desk) sendNow(ctx context.Context, s Session, l line, to, from, done string) (CodeSent, error) {
	send, err := d.prepareCode(ctx, s, l, from, done)
	if err != nil {
		return CodeSent{}, err
	}
	if err := send(ctx, to); err != nil {
		return CodeSent{}, err
	}
	return d.codeSent(ctx, s, l)
}

// codeSent tells whoever has had a code sent how things stand.
func (d *Desk) codeSent(ctx context.Context, s Session, l line) (CodeSent, error) {
	st, err := d.codeState(ctx, s, l)
	return CodeSent{ResendAfter: seconds(st.ResendAfter), Minutes: int(CodeLife / time.Minute), TriesLeft: st.TriesLeft}, err
}

// checkCodeOf checks the code. Where the phone was proved a moment ago none is
// looked at: the answer to a right one may have been lost, or a password beside
// it was wrong.
func (d *Desk) checkCodeOf(ctx context.Context, t *attempt) error {
	if t.Session == "" { // no code was sent to nobody
		if t.Code != "" {
			return ErrCodeExpired
		}
		return nil
	}
	proof := loginProof(t.phone)
	var until time.Time
	err := d.Store.Read(ctx, func(r Reader) (err error) {
		until, err = r.Proof(t.Session, proof)
		return err
	})
	switch {
	case err != nil:
		return err
	case until.After(d.now()) && t.phone != "":
		t.provedAt = until.Add(-loginProofLife)
	case t.Code != "":
		t.provedAt = d.now()
		return d.checkCode(ctx, t.Session, d.line(t), t.Code, proof, loginProofLife)
	}
	return nil
}
