package accounts

import (
	"context"

	"github.com/certhall/certhall"
)

// Brought is a handler as an earlier system knew him.
type Brought struct {
	Lineage certhall.LineageID
	Phone   string // as ParsePhone gives it
	Name    string // may be empty
}

// What became of a Brought.
const (
	HandlerAdded   = "added"
	HandlerThere   = "there"   // as he was brought before
	HandlerChanged = "changed" // another phone or name took the place of the one that was brought before
)

// Bring makes handlers of an earlier system's the handlers of their lineages,
// all in one transaction, and tells what became of each. Brought again, a
// changed phone or name takes the place of the one that was brought before;
// handlers who came otherwise (by their key, by decision) stay.
func (d *Desk) Bring(ctx context.Context, rows []Brought) ([]string, error) {
	now := d.now()
	results := make([]string, len(rows))
	ids := make([]string, len(rows))
	for i := range rows {
		ids[i] = certhall.NewID(now, d.Random)
	}
	return results, d.Store.Write(ctx, func(w Writer) error {
		for i, row := range rows {
			handlers, err := w.Handlers(row.Lineage)
			if err != nil {
				return err
			}
			results[i] = HandlerAdded
			there := false
			for _, h := range handlers {
				switch {
				case h.Source == ByOrganisation:
				case h.Person.Phone == row.Phone:
					if there, results[i] = true, HandlerThere; h.Name != row.Name && h.Source == ByImport {
						h.Name, results[i] = row.Name, HandlerChanged
						if err := w.NameHandler(h); err != nil {
							return err
						}
					}
				case h.Source == ByImport:
					results[i] = HandlerChanged
					if err := w.DropHandler(h); err != nil {
						return err
					}
				}
			}
			if there {
				continue
			}
			person, err := w.PersonOfPhone(row.Phone, ids[i], now)
			if err != nil {
				return err
			}
			if err := w.AddHandler(Handler{Person: person, Lineage: row.Lineage, Source: ByImport, Name: row.Name}, now); err != nil {
				return err
			}
		}
		return nil
	})
}
