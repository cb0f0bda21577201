package accounts

import (
	"context"
	"crypto/subtle"
	"strconv"
	"strings"
	"time"
)

// CodeState is what the page shows beside the field for the code.
type CodeState struct {
	Sent        bool          // this session has a live code
	ResendAfter time.Duration // until the next send is allowed
	TriesLeft   int
}

// CodeState tells how things stand with a phone's codes for this session.
func (d *Desk) CodeState(ctx context.Context, s Session, phone string) (CodeState, error) {
	return d.codeState(ctx, s, caseLine(phone))
}

func (d *Desk) codeState(ctx context.Context, s Session, l line) (st CodeState, err error) {
	now := d.Clock.Now()
	err = d.Store.Read(ctx, func(r Reader) error {
		codes, err := r.LiveCodes(l.counted, now.Add(-CodeLife))
		if err != nil {
			return err
		}
		st = CodeState{TriesLeft: triesLeft(codes)}
		for _, c := range codes {
			st.Sent = st.Sent || c.Session == s
		}
		n, last, err := r.SendsTo(l.counted, now.Add(-ResendAfter))
		if wait := last.Add(ResendAfter).Sub(now); n > 0 && wait > 0 {
			st.ResendAfter = wait
		}
		return err
	})
	return st, err
}

// CheckCode proves a phone to a session, for ProofLife. A wrong try is counted
// and durable before it is answered.
func (d *Desk) CheckCode(ctx context.Context, s Session, phone, typed string) error {
	return d.checkCode(ctx, s, caseLine(phone), typed, phone, ProofLife)
}

// checkCode notes for a while what a right code has proved.
func (d *Desk) checkCode(ctx context.Context, s Session, l line, typed, proves string, life time.Duration) error {
	now := d.Clock.Now()
	code := strings.Join(strings.FieldsFunc(typed, func(r rune) bool { return r == ' ' || r == '-' }), "")
	var verdict error // the transaction commits on a wrong code too
	err := d.Store.Write(ctx, func(w Writer) error {
		if err := w.LockPhone(l.counted); err != nil {
			return err
		}
		codes, err := w.LiveCodes(l.counted, now.Add(-CodeLife))
		if err != nil {
			return err
		}
		left := triesLeft(codes)
		switch {
		case len(codes) == 0:
			verdict = ErrCodeExpired
			return nil
		case left == 0:
			verdict = triesSpent()
			return nil
		case !d.matches(codes, s, l, code):
			verdict = ErrCodeWrong.With("tries_left", strconv.Itoa(left-1))
			return w.CountWrongTry(l.counted, now.Add(-CodeLife))
		}
		verdict = nil
		if err := w.UseCodes(l.counted, s); err != nil {
			return err
		}
		return w.AddProof(s, proves, now.Add(life))
	})
	if err != nil {
		return err
	}
	return verdict
}

// triesSpent is what a phone is told whose live codes have no tries left.
func triesSpent() error {
	return ErrCodeTries.With("minutes", strconv.Itoa(int(CodeLife/time.Minute)))
}

// Proved tells whether the session's proof of the phone still counts.
func (d *Desk) Proved(ctx context.Context, s Session, phone string) (proved bool, err error) {
	err = d.Store.Read(ctx, func(r Reader) error {
		until, err := r.Proof(s, phone)
		proved = until.After(d.Clock.Now())
		return err
	})
	return proved, err
}

// matches compares with every live code of the session: an older code stays
// valid after a resend.
func (d *Desk) matches(codes []Code, s Session, l line, code string) bool {
	found := 0
	for _, c := range codes {
		if c.Session == s {
			found |= subtle.ConstantTimeCompare(c.Digest, d.digest(c.ID, l.good, code))
		}
	}
	return found == 1
}

// triesLeft counts over all live codes of a phone: the oldest has seen every try.
func triesLeft(codes []Code) int {
	most := 0
	for _, c := range codes {
		most = max(most, c.Tries)
	}
	return max(0, CodeTries-most)
}
