package accounts

import (
	"context"
	"crypto/subtle"
	"encoding/hex"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/gm"
)

// loginProofLife is how long a phone that was proved for a log-in waits for
// what the log-in needs besides.
const loginProofLife = 10 * time.Minute

// sendTime bounds the sending of a message behind an answer.
const sendTime = 20 * time.Second

// What a log-in is answered beside success.
var (
	ErrLogin           = certhall.NewError("login-wrong", certhall.Denied)
	ErrLoginCodeNeeded = certhall.NewError("login-code-needed", certhall.Conflict)
)

// attempt is one log-in on its way.
type attempt struct {
	Login
	name     login
	account  *Account  // who is named; nil if nobody yet
	phone    string    // typed, or on record; "" if nobody has the name
	provedAt time.Time // when the phone was proved; zero: it was not
	password bool      // gave one of his own
	first    bool      // gave the first one
	nonce    []byte    // signed by a key of his; nil if none was needed
	expires  time.Time // of the nonce
}

// Login lets a person in: by a password of his own; or by a code; or by the
// first password (首次密码) together with a code, to set one of his own and
// nothing else. What names him is a phone or a user name. An unknown phone that
// is proved becomes an account. It answers the token of a new session, in which
// a phone that was just proved stays proved; the session he came with ends.
func (d *Desk) Login(ctx context.Context, in Login) (token string, me Me, err error) {
	t, err := d.begin(ctx, in)
	if err != nil {
		return "", Me{}, err
	}
	if err := d.checkCodeOf(ctx, t); err != nil {
		return "", Me{}, err
	}
	if err := d.checkPasswordOf(ctx, t); err != nil {
		return "", Me{}, err
	}
	if err := d.checkIdle(ctx, t); err != nil {
		return "", Me{}, err
	}
	return d.enter(ctx, t)
}

func (d *Desk) begin(ctx context.Context, in Login) (*attempt, error) {
	name, err := parseLogin(in.Name)
	if err != nil {
		return nil, err
	}
	t := &attempt{Login: in, name: name, phone: name.phone}
	err = d.Store.Read(ctx, func(r Reader) (err error) {
		t.account, err = name.account(r)
		return err
	})
	if t.account != nil {
		t.phone = t.account.Phone
	}
	return t, err
}

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
	return line{counted, loginProof(t.phone)}
}

// loginProof is what a code for a log-in proves: it counts for no case before
// the log-in has succeeded.
func loginProof(phone string) string { return "login " + phone }

// SendLoginCode sends a code for a log-in to whoever is named. It comes back
// before a message to the phone of a user name has gone: neither time nor
// failure tells whether there is one.
func (d *Desk) SendLoginCode(ctx context.Context, s Session, typed, address string) (CodeSent, error) {
	t, err := d.begin(ctx, Login{Name: typed})
	if err != nil {
		return CodeSent{}, err
	}
	l := d.line(t)
	send, err := d.prepareCode(ctx, s, l, address)
	if err != nil {
		return CodeSent{}, err
	}
	if t.name.phone != "" {
		err = send(ctx, t.phone)
	} else if t.phone != "" {
		d.sending.Go(func() {
			ctx, end := context.WithTimeout(context.WithoutCancel(ctx), sendTime)
			defer end()
			if err := send(ctx, t.phone); err != nil {
				d.Log.WarnContext(ctx, "a code was not sent", "cause", certhall.CauseText(err))
			}
		})
	}
	if err != nil {
		return CodeSent{}, err
	}
	st, err := d.codeState(ctx, s, l)
	return CodeSent{ResendAfter: seconds(st.ResendAfter), Minutes: int(CodeLife / time.Minute), TriesLeft: st.TriesLeft}, err
}

// checkCodeOf checks the code, or finds that the phone was proved a moment ago.
func (d *Desk) checkCodeOf(ctx context.Context, t *attempt) error {
	if t.Session == "" { // no code was sent to nobody
		if t.Code != "" {
			return ErrCodeExpired
		}
		return nil
	}
	proof := loginProof(t.phone)
	if t.Code != "" {
		if err := d.checkCode(ctx, t.Session, d.line(t), t.Code, proof, loginProofLife); err != nil {
			return err
		}
	}
	return d.Store.Read(ctx, func(r Reader) error {
		until, err := r.Proof(t.Session, proof)
		if until.After(d.now()) && t.phone != "" {
			t.provedAt = until.Add(-loginProofLife)
		}
		return err
	})
}

// checkPasswordOf judges the password, if one is given: of six digits it is
// the first one, whoever is named, and asks for a code.
func (d *Desk) checkPasswordOf(ctx context.Context, t *attempt) error {
	switch {
	case t.Password == "" || isFirst(t.Password):
		if t.provedAt.IsZero() {
			return ErrLoginCodeNeeded
		}
		if t.Password == "" {
			return nil
		}
		t.first = true
		own := t.account != nil && t.account.Password != ""
		if subtle.ConstantTimeCompare([]byte(t.Password), []byte(t.phone[len(t.phone)-firstLength:])) != 1 || own {
			return ErrLogin
		}
		return nil
	}
	var hash string
	if t.account != nil {
		hash = t.account.Password
	}
	name := t.name.phone + t.name.key
	t.password = true
	return d.compare(ctx, t.Password, hash, ErrLogin,
		d.limitOf("address", network(t.Address), triesOfAddress), d.limitOf("name", name, triesOfName))
}

// compare compares a password, within limits on the wrong ones.
func (d *Desk) compare(ctx context.Context, typed, hash string, wrong error, limits ...limit) error {
	try, err := d.try(ctx, limits...)
	if err != nil {
		return err
	}
	fits, err := d.isPassword(ctx, typed, hash)
	if err != nil {
		return err
	}
	if !fits {
		return wrong
	}
	return d.takeBack(ctx, try)
}
