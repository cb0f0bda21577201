package ca

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/proof"
)

// KeepYears is how long what identified a holder is kept after his last
// certificate's end (电子签名法, article 24: at least five years).
const KeepYears = 5

// What Erase answers beside success.
var (
	ErrKeep         = certhall.NewError("erase-too-early", certhall.Denied)
	ErrNotOfLineage = certhall.NewError("erase-other-record", certhall.Invalid)
)

// Erasure says what to erase beside what the decision names.
type Erasure struct {
	Records []int64 // these alone, of the decision's lineage; none: all of it
	Early   bool    // before the five years are over; certificates and evidence stay until then all the same
}

// Erased is what the record of kind data-erased says.
type Erased struct {
	Records  []int64           `json:"records"`
	Pairs    []certhall.PairID `json:"pairs,omitempty"` // whose papers and certificates are erased
	Reason   string            `json:"reason"`
	Early    bool              `json:"early,omitempty"`
	Evidence []byte            `json:"evidence"` // proof.Signed of the Decision, DER
	Operator string            `json:"operator,omitempty"`
}

// Erase orders on a reviewer's decision (service erase) that a lineage's
// personal data go: it writes the record of that. FinishErasures, once the
// record has its number, takes the data; a crash between the two leaves data
// that is said to be erased, and the same call goes on. The same decision
// again changes nothing.
func (ca *CA) Erase(ctx context.Context, evidence proof.Signed, what Erasure) error {
	o, err := ca.weighOrder(ctx, evidence, proof.EraseService)
	if err != nil {
		return err
	}
	d, err := proof.Decode[proof.Decision](evidence.Message)
	if err != nil {
		return err
	}
	if len(d.Subject) > 0 {
		return authority.ErrEvidence.Becausef("the decision stays for good and has the holder's name in it")
	}
	now := ca.now()
	return ca.opt.Store.Write(ctx, func(w Writer) error {
		if err := w.LockLineages(o.lineage); err != nil {
			return err
		}
		pairs, err := w.LineagePairs(o.lineage)
		if err != nil {
			return err
		}
		if len(pairs) == 0 {
			return authority.ErrUnknownLineage
		}
		if over := ca.overAt(pairs); now.Before(over) && !what.Early {
			return ErrKeep.With("until", certhall.Date(over))
		}
		fresh, err := w.UseNonce(o.nonce, now)
		if err != nil || !fresh {
			return err
		}
		if err := o.about(pairs); err != nil { // later these certificates may be gone
			return err
		}
		e := Erased{Reason: d.Reason, Early: what.Early, Evidence: encodeSigned(evidence), Operator: ca.opt.OrderedBy}
		if e.Records, err = ca.toErase(w, o.lineage, what.Records); err != nil {
			return err
		}
		for _, p := range pairs {
			if len(what.Records) == 0 && p.ErasedAt.IsZero() && !now.Before(ca.overAt([]*Pair{p})) {
				e.Pairs = append(e.Pairs, p.ID)
			}
		}
		if len(e.Records)+len(e.Pairs) == 0 {
			return nil
		}
		return w.AddRecord(ca.record(authority.DataErased, Record{Lineage: o.lineage}, e))
	})
}

// overAt is when what identified the holder of these pairs need be kept no longer.
func (ca *CA) overAt(pairs []*Pair) (over time.Time) {
	for _, p := range pairs {
		if end := certhall.AddYears(p.NotAfter, KeepYears); end.After(over) {
			over = end
		}
	}
	return over
}

// toErase are the numbers of a lineage's records that have data, or of those
// that were asked for.
func (ca *CA) toErase(rd Reader, l certhall.LineageID, asked []int64) ([]int64, error) {
	records, err := rd.DataRecords(l)
	if err != nil {
		return nil, err
	}
	numbers := make([]int64, 0, len(records))
	for _, r := range records {
		numbers = append(numbers, r.Seq)
	}
	if len(asked) == 0 {
		return numbers, nil
	}
	for _, n := range asked {
		if !slices.Contains(numbers, n) {
			return nil, ErrNotOfLineage.With("record", strconv.FormatInt(n, 10))
		}
	}
	return asked, nil
}

// FinishErasures takes the data that numbered records say is erased, and
// answers how many records lost theirs. It can be repeated.
func (ca *CA) FinishErasures(ctx context.Context) (int, error) {
	total := 0
	err := ca.opt.Store.Write(ctx, func(w Writer) error {
		total = 0
		records, err := w.Erasures()
		if err != nil {
			return err
		}
		for _, r := range records {
			var e Erased
			if err := json.Unmarshal(r.Data, &e); err != nil {
				return certhall.ErrInternal.Becausef("record %d: %w", r.Seq, err)
			}
			n, err := w.EraseData(e.Records)
			total += n
			if err != nil {
				return err
			}
			if err := w.ErasePapers(e.Pairs, ca.now()); err != nil {
				return err
			}
		}
		return nil
	})
	return total, err
}
