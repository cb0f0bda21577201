package hall

import (
	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/orders"
)

func (r *rows) CartOf(person string) ([]orders.Wanted, error) {
	var all []orders.Wanted
	err := r.each(func(scan func(...any) error) error {
		var w orders.Wanted
		var added int64
		err := scan(&w.Lineage, &w.Years, &added)
		w.AddedAt = at(added)
		all = append(all, w)
		return err
	}, `SELECT lineage, years, added_at FROM cart WHERE person = $1 ORDER BY added_at, lineage`, person)
	return all, err
}

func (r *rows) PutInCart(person string, w orders.Wanted) error {
	return r.run(`INSERT INTO cart (person, lineage, years, added_at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (person, lineage) DO UPDATE SET years = excluded.years`, person, string(w.Lineage), w.Years, ms(w.AddedAt))
}

func (r *rows) TakeFromCart(person string, all []certhall.LineageID) error {
	for _, l := range all {
		if err := r.run(`DELETE FROM cart WHERE person = $1 AND lineage = $2`, person, string(l)); err != nil {
			return err
		}
	}
	return nil
}
