package services

import (
	"context"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/proof"
)

// maxReports bounds the messages of one retire report.
const maxReports = 16

// reply takes what the agent answered. It answers the case as it stands then,
// and the problem that stops the loop until it is asked again, if any. A reply
// that no longer fits changes nothing.
func (c *Counter) reply(ctx context.Context, k Case, der []byte) (Case, *certhall.Error, error) {
	e, halt, err := c.readReply(ctx, k, der)
	if err != nil {
		if stop := certhall.AsError(err); stop.Is(ErrWrongKey) || stop.Is(authority.ErrSuspended) {
			return k, stop, nil
		}
		return k, nil, err
	}
	after, err := c.change(ctx, k.ID, e)
	if err != nil {
		return k, nil, err
	}
	if k.MakeRoom && !after.MakeRoom && len(after.Errands) == 0 && halt == nil && e.Kind == EvIdentified {
		halt = errKeyFull // nothing on the key may go
	}
	return after, halt, nil
}

// errKeyFull is said where no room could be made; the code is the token room's.
var errKeyFull = &certhall.Error{Code: proof.KeyFull, Kind: certhall.Conflict}

// readReply makes an event of a reply.
func (c *Counter) readReply(ctx context.Context, k Case, der []byte) (e Event, halt *certhall.Error, err error) {
	switch proof.Tag(der) {
	case proof.TagOf[proof.Listing]():
		l, err := proof.Decode[proof.Listing](der)
		if err != nil {
			return e, nil, err
		}
		if k.Identified { // repeated
			return Event{Kind: EvIdentified}, nil, nil
		}
		e, err = c.identify(ctx, k, l)
		return e, nil, err
	case proof.TagOf[proof.Prepared]():
		p, err := proof.Decode[proof.Prepared](der)
		if err != nil || !c.mine(k, p.Authority, p.Case) || !short(p.KeySerial) {
			return e, nil, orStray(err)
		}
		return Event{Kind: EvPrepared, Attempt: p.Attempt, KeySerial: p.KeySerial, Request: p.Request, Message: proof.Encode(p.Evidence)}, nil, nil
	case proof.TagOf[proof.Installed]():
		i, err := proof.Decode[proof.Installed](der)
		if err != nil || !c.mine(k, i.Authority, i.Case) {
			return e, nil, orStray(err)
		}
		return Event{Kind: EvInstalled, Attempt: i.Attempt, Untestable: i.Untestable}, nil, nil
	case proof.TagOf[proof.Trouble]():
		t, err := proof.Decode[proof.Trouble](der)
		if err != nil || t.Authority != c.AuthorityID || !short(t.Reason) {
			return e, nil, orStray(err)
		}
		if k.MakeRoom && len(k.Errands) > 0 {
			halt = errKeyFull
		}
		return Event{Kind: EvTrouble, Case: certhall.CaseID(t.Case), Attempt: t.Attempt, Reason: t.Reason}, halt, nil
	case proof.TagOf[proof.RetireReport]():
		return c.readReport(k, der)
	case proof.TagOf[proof.Signed]():
		e, err = c.readSigned(k, der)
		return e, nil, err
	}
	return e, nil, ErrReply
}

// readSigned reads what a key signs by itself: acknowledgement or claim. Whose
// key it was is for the authority to check.
func (c *Counter) readSigned(k Case, der []byte) (Event, error) {
	s, err := proof.Decode[proof.Signed](der)
	if err != nil {
		return Event{}, err
	}
	switch proof.Tag(s.Message) {
	case proof.TagOf[proof.Acknowledgement]():
		a, err := proof.Decode[proof.Acknowledgement](s.Message)
		if err != nil || !c.mine(k, a.Authority, a.Case) {
			return Event{}, orStray(err)
		}
		return Event{Kind: EvSigned, Attempt: a.Attempt, Untestable: a.Untestable, Message: der}, nil
	case proof.TagOf[proof.Claim]():
		m, err := proof.Decode[proof.Claim](s.Message)
		if err != nil || !c.mine(k, m.Authority, m.Case) || !short(m.Reason) {
			return Event{}, orStray(err)
		}
		return Event{Kind: EvClaimed, Attempt: m.Attempt, Reason: m.Reason, Message: der}, nil
	}
	return Event{}, ErrReply
}

func (c *Counter) readReport(k Case, der []byte) (Event, *certhall.Error, error) {
	r, err := proof.Decode[proof.RetireReport](der)
	if err != nil || r.Authority != c.AuthorityID || len(r.Retired) > maxReports {
		return Event{}, nil, orStray(err)
	}
	e := Event{Kind: EvCleared, Again: len(r.Deleted) > 0 && !r.Refused}
	for _, s := range r.Retired {
		m, err := proof.Decode[proof.Retired](s.Message)
		if err != nil {
			return Event{}, nil, err
		}
		e.Retired = append(e.Retired, Effect{Kind: EffectRetired, Case: certhall.CaseID(m.Case), Attempt: m.Attempt, Message: proof.Encode(s)})
	}
	var halt *certhall.Error
	if k.MakeRoom && (r.Refused || len(r.Deleted) == 0) {
		halt = errKeyFull
	}
	return e, halt, nil
}

// mine tells whether a reply speaks of this case.
func (c *Counter) mine(k Case, authorityID, id string) bool {
	return authorityID == c.AuthorityID && id == string(k.ID)
}

// short tells whether a reply's word for something can be kept in the journal.
func short(s string) bool { return len(s) <= 64 }

// orStray is err, or ErrReply for a well-formed reply about something else.
func orStray(err error) error {
	if err != nil {
		return err
	}
	return ErrReply
}

// chainOf are the issuing certificates in a pair's bundle.
func chainOf(v authority.PairView) [][]byte {
	if v.Bundle == nil {
		return nil
	}
	return v.Bundle.Chain
}

// encDigest is the key digest of a bundle's encryption certificate, nil
// without one: a single certificate has none.
func encDigest(v authority.PairView) ([]byte, error) {
	if v.Bundle == nil || len(v.Bundle.Enc) == 0 {
		return nil, nil
	}
	cert, err := gm.ParseCertificate(v.Bundle.Enc)
	if err != nil {
		return nil, err
	}
	key, err := gm.CertificateKey(cert)
	if err != nil {
		return nil, err
	}
	return gm.KeyDigest(key)
}
