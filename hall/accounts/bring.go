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
	HandlerKept    = "kept"    // he was brought before, and has been removed here since: that stays
)

// Bring makes handlers of an earlier system's the handlers of their lineages,
// all in one transaction, and tells what became of each. Only what is new is
// brought: a changed phone or name takes the place of the one that was brought
// before, while the same as before decides nothing, whatever became of that
// handler since: who was removed stays removed, who has another phone keeps it.
// Handlers who came otherwise (by their key, by decision) stay.
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
			said, err := w.Imported(row.Lineage)
			if err != nil {
				return err
			}
			if err := w.SaveImported(row); err != nil {
				return err
			}
			results[i] = HandlerAdded
			if said != nil && said.Phone == row.Phone {
				if results[i], err = broughtAgain(w, row, handlers); err != nil {
					return err
				}
				continue
			}
			there := false
			for _, h := range handlers {
				switch {
				case h.Source == ByOrganisation:
				case h.Person.Phone == row.Phone:
					there = true
					if results[i], err = renamed(w, h, row.Name); err != nil {
						return err
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

// broughtAgain takes a row whose phone was brought before: at most a name is new.
func broughtAgain(w Writer, row Brought, handlers []Handler) (string, error) {
	became := HandlerKept
	for _, h := range handlers {
		switch {
		case h.Source == ByImport: // perhaps with another phone by now
			return renamed(w, h, row.Name)
		case h.Source != ByOrganisation && h.Person.Phone == row.Phone:
			became = HandlerThere
		}
	}
	return became, nil
}

// renamed gives a handler who was imported the name that a row has for him.
func renamed(w Writer, h Handler, name string) (string, error) {
	if h.Source != ByImport || h.Name == name {
		return HandlerThere, nil
	}
	h.Name = name
	return HandlerChanged, w.NameHandler(h)
}
