package register

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/proof"
)

// Entry is one thing that happened, on what proof.
type Entry struct {
	Seq      int64             `json:"seq,omitempty"` // number in the record; 0 until it has one, and for what is in no record
	At       time.Time         `json:"at"`
	What     string            `json:"what"`             // a word of the program, for which the locale has a sentence
	Params   map[string]string `json:"params,omitempty"` // what the sentence names
	Attempt  int               `json:"attempt,omitempty"`
	Pair     certhall.PairID   `json:"pair,omitempty"`
	Reason   string            `json:"reason,omitempty"`   // as it was given
	Operator string            `json:"operator,omitempty"` // who ordered it by hand
	// Trouble is what is wrong with the entry itself: data-changed, data-erased.
	Trouble string  `json:"trouble,omitempty"`
	Proofs  []Proof `json:"proofs,omitempty"`
}

// What an entry itself can suffer from.
const (
	DataChanged = "data-changed" // it does not say what it said when it was recorded
	DataErased  = "data-erased"  // on purpose: the chain of the record still holds
)

// Story is what the authority knows of a case, or of a certificate.
type Story struct {
	Pair    *ca.Pair   // the certificate that was asked for; nil for a case's story
	Lineage []*ca.Pair // all pairs of its lineage, oldest first; given-up intents too
	Case    *ca.Case   // whose entries these are; nil for an imported certificate
	Entries []Entry    // in order
}

// Sound tells whether every proof holds and no entry was changed.
func (s Story) Sound() bool {
	return !slices.ContainsFunc(s.Entries, func(e Entry) bool {
		return e.Trouble == DataChanged || slices.ContainsFunc(e.Proofs, func(p Proof) bool { return p.Trouble != "" && p.Trouble != SignerErased })
	})
}

// OfCertificate tells the story of the pair with a serial number.
func (r *Register) OfCertificate(ctx context.Context, s certhall.Serial) (story Story, err error) {
	err = r.Store.Look(ctx, func(rd Reader) error {
		p, err := find(rd, Serial(string(s)))
		if err != nil {
			return err
		}
		t, err := r.teller(rd, p.Case, p.Lineage)
		if err != nil {
			return err
		}
		story = Story{Pair: p, Lineage: t.lineage, Case: t.c}
		if story.Entries, err = t.entries(); err != nil {
			return err
		}
		story.Entries = slices.DeleteFunc(story.Entries, func(e Entry) bool { return e.Pair != "" && e.Pair != p.ID })
		if next := t.successor(p); next != nil {
			story.Entries = append(story.Entries, Entry{
				At: p.SupersededAt, What: "superseded", Pair: p.ID, Proofs: []Proof{t.receipt(next)},
				Params: map[string]string{"serial": string(next.SignSerial), "case": string(next.Case), "until": date(p.GraceEnds)},
			})
			slices.SortStableFunc(story.Entries, func(a, b Entry) int { return a.At.Compare(b.At) })
		}
		return nil
	})
	return story, err
}

// OfCase tells the story of a case.
func (r *Register) OfCase(ctx context.Context, id certhall.CaseID) (story Story, err error) {
	err = r.Store.Look(ctx, func(rd Reader) error {
		c, err := rd.Case(id)
		if err != nil {
			return err
		}
		if c == nil {
			return authority.ErrUnknownCase
		}
		t, err := r.teller(rd, id, c.Lineage)
		if err != nil {
			return err
		}
		story = Story{Lineage: t.lineage, Case: c}
		story.Entries, err = t.entries()
		return err
	})
	return story, err
}

// teller has what a case's entries are told from.
type teller struct {
	*Register
	rd       Reader
	c        *ca.Case
	attempts []*ca.Attempt
	pairs    []*ca.Pair // of the case
	lineage  []*ca.Pair
	old      *ca.Pair
}

func (r *Register) teller(rd Reader, c certhall.CaseID, l certhall.LineageID) (t *teller, err error) {
	t = &teller{Register: r, rd: rd}
	if t.c, err = rd.Case(c); err != nil {
		return nil, err
	}
	if t.attempts, err = rd.CaseAttempts(c); err != nil {
		return nil, err
	}
	if t.pairs, err = rd.CasePairs(c); err != nil {
		return nil, err
	}
	if t.lineage, err = rd.LineagePairs(l); err != nil {
		return nil, err
	}
	if t.c != nil && t.c.OldPair != "" {
		t.old, err = rd.Pair(t.c.OldPair)
	}
	return t, err
}

func (t *teller) successor(p *ca.Pair) *ca.Pair {
	for _, next := range t.lineage {
		if next.OldPair == p.ID && !next.AcknowledgedAt.IsZero() {
			return next
		}
	}
	return nil
}

func (t *teller) pair(id certhall.PairID) *ca.Pair {
	for _, p := range append(slices.Clone(t.pairs), t.lineage...) {
		if p.ID == id {
			return p
		}
	}
	return nil
}

// recorded is what an entry of the record may say.
type recorded struct {
	authority.PairInfo
	Service  string `json:"service"`
	Evidence []byte `json:"evidence"`
	Reason   string `json:"reason"`
	Operator string `json:"operator"`
}

func (t *teller) entries() ([]Entry, error) {
	id := certhall.CaseID("")
	switch {
	case t.c != nil:
		id = t.c.ID
	case len(t.pairs) > 0:
		id = t.pairs[0].Case
	default:
		return nil, nil
	}
	records, err := t.rd.CaseRecords(id)
	if err != nil {
		return nil, err
	}
	entries := make([]Entry, 0, len(records))
	for _, r := range records {
		e, err := t.entry(r)
		if err != nil {
			return nil, err
		}
		entries = append(entries, e)
	}
	return entries, nil
}

func (t *teller) entry(r ca.Record) (Entry, error) {
	e := Entry{Seq: r.Seq, At: r.At, What: string(r.Kind), Attempt: r.Attempt, Pair: r.Pair, Params: map[string]string{}}
	if r.Attempt > 0 {
		e.Params["attempt"] = strconv.Itoa(r.Attempt)
	}
	var says recorded
	switch {
	case r.Data == nil:
		e.Trouble = DataErased
	case !bytes.Equal(r.Digest, gm.SM3(r.Salt, r.Data)):
		e.Trouble = DataChanged
	case json.Unmarshal(r.Data, &says) != nil:
		e.Trouble = DataChanged
	}
	e.Reason, e.Operator = says.Reason, says.Operator
	p := t.pair(r.Pair)
	if p != nil {
		e.Params["serial"] = string(p.SignSerial)
	}
	switch r.Kind {
	case authority.AttemptOpened:
		for _, a := range t.attempts {
			if a.Number == r.Attempt && a.Ticket != nil {
				e.Proofs = append(e.Proofs, t.ticket(a))
			}
		}
	case authority.PairIntended:
		if p != nil && len(p.Evidence) > 0 {
			more, err := t.grounds(p)
			if err != nil {
				return e, err
			}
			e.Proofs = append(e.Proofs, more)
		}
	case authority.PairImported: // by another CA
		if p != nil {
			e.Params["until"] = date(p.NotAfter)
		}
	case authority.PairIssued:
		if p != nil && len(p.SignCert) > 0 {
			e.Params["until"] = date(p.NotAfter)
			e.Proofs = append(e.Proofs, t.certificates(p)...)
		}
	case authority.PairAcknowledged:
		if p != nil && len(p.Receipt) > 0 {
			e.Proofs = append(e.Proofs, t.receipt(p))
		}
	case authority.PairRevoked, authority.PairRetired, authority.AttemptVoided:
		if p != nil && !p.RevokedAt.IsZero() {
			e.Params["code"] = cmp.Or(proof.ReasonWord(p.Reason), strconv.Itoa(p.Reason))
		}
	}
	if len(says.Evidence) > 0 {
		more, err := t.evidence(says.Evidence, p, r.Lineage)
		if err != nil {
			return e, err
		}
		e.Proofs = append(e.Proofs, more)
	}
	return e, nil
}

// date is a day in Beijing.
func date(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return certhall.Date(at)
}
