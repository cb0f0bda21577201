package authority

import (
	"context"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/store/sqldb"
)

// saving is one caller's intent, or one caller's signatures, in a batch. Those
// that wait at the same time are stored in one transaction with multi-row
// statements: single rows would cap both databases.
type saving struct {
	intent *ca.Intent // or
	signed *ca.Signatures

	admit func(ca.Standing) error // of an intent
	won   bool                    // of signatures
	err   error
}

// SaveIntent implements ca.Store. The pairs in Standing come without their papers.
func (s *Store) SaveIntent(ctx context.Context, i ca.Intent, admit func(ca.Standing) error) error {
	item := &saving{intent: &i, admit: admit}
	if err := s.savings.Do(ctx, item); err != nil {
		return err
	}
	return item.err
}

// SaveIssued implements ca.Store.
func (s *Store) SaveIssued(ctx context.Context, signed ca.Signatures) (bool, error) {
	item := &saving{signed: &signed}
	if err := s.savings.Do(ctx, item); err != nil {
		return false, err
	}
	return item.won, item.err
}

// save stores a batch in one transaction. A unique index that stands against
// one of them fails the statement for all: then each goes alone, and only the
// guilty one fails.
func (s *Store) save(batch []*saving) {
	together := func(some []*saving) error {
		return s.db.Write(context.Background(), func(tx *sqldb.Tx) error { return saveIn(tx, some) })
	}
	err := together(batch)
	if err == nil {
		return
	}
	for _, item := range batch {
		if len(batch) > 1 {
			err = together([]*saving{item})
		}
		if err != nil {
			item.won, item.err = false, taken(s.db, err)
		}
	}
}

// saveIn locks all cases, then all lineages, judges and writes. What admit
// refuses, or the compare-and-swap finds in another state, leaves nothing and
// does not fail the others.
func saveIn(tx *sqldb.Tx, batch []*saving) error {
	var intents, signed, admitted []*saving
	for _, item := range batch {
		item.won, item.err = false, nil
		if item.intent != nil {
			intents = append(intents, item)
		} else {
			signed = append(signed, item)
		}
	}
	found, err := lockAndLoad(tx, intents, signed)
	if err != nil {
		return err
	}
	for _, i := range intents {
		if i.err = i.admit(found.standing(i.intent)); i.err == nil {
			admitted = append(admitted, i)
		}
	}
	more, err := insertIntents(tx, admitted)
	if err != nil {
		return err
	}
	certificates, err := swapIssued(tx, signed)
	if err != nil {
		return err
	}
	more = append(more, certificates...)
	var records []any
	for _, i := range admitted {
		records = append(records, recordValues(&i.intent.Record)...)
	}
	for _, i := range signed {
		if i.won {
			records = append(records, recordValues(&i.signed.Record)...)
		}
	}
	return tx.ExecAll(append(more, recordings(records)...))
}

// rowsOf are the case and the lineage that a saving must lock.
func rowsOf(item *saving) (certhall.CaseID, certhall.LineageID) {
	if item.intent != nil {
		return item.intent.Pair.Case, item.intent.Pair.Lineage
	}
	return item.signed.Record.Case, item.signed.Record.Lineage
}
