package hall

import (
	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/accounts"
	"github.com/certhall/certhall/hall/services"
	"github.com/certhall/certhall/store/sqldb"
)

const actColumns = `id, at, operator, kind, person, organisation, was, became, reason`

// Acts implements accounts.Reader.
func (r *rows) Acts(person string) ([]accounts.Act, error) {
	return r.acts(`WHERE person = $1`, person)
}

func (r *rows) acts(where string, arg any) ([]accounts.Act, error) {
	var found []accounts.Act
	err := r.each(func(scan func(...any) error) error {
		var a accounts.Act
		var when int64
		err := scan(&a.ID, &when, &a.Operator, &a.Kind, &a.Person, &a.Organisation, &a.Was, &a.Became, &a.Reason)
		a.At = at(when)
		found = append(found, a)
		return err
	}, `SELECT `+actColumns+` FROM acts `+where+` ORDER BY at, id`, arg)
	return found, err
}

// AddAct implements accounts.Writer.
func (r *rows) AddAct(a accounts.Act) error {
	return r.run(`INSERT INTO acts (`+actColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		a.ID, ms(a.At), a.Operator, a.Kind, a.Person, a.Organisation, a.Was, a.Became, a.Reason)
}

// ForgetPhone implements accounts.Writer.
func (r *rows) ForgetPhone(phone string) error {
	if err := r.run(`UPDATE codes SET used = TRUE WHERE phone = $1`, phone); err != nil { // they still count as sent
		return err
	}
	return r.run(`DELETE FROM proofs WHERE phone = $1`, phone)
}

// Journal implements services.Reader.
func (r *rows) Journal(c certhall.CaseID) ([]services.Entry, error) {
	var found []services.Entry
	err := r.each(func(scan func(...any) error) error {
		e := services.Entry{Case: c}
		var when int64
		err := scan(&e.Version, &e.Kind, &when, &e.Data)
		e.At = at(when)
		found = append(found, e)
		return err
	}, `SELECT version, kind, at, data FROM journal WHERE case_id = $1 ORDER BY version`, string(c))
	return found, err
}

// FindCases implements services.Reader. Ids sort by the time they were made:
// the latest come first, and a page goes on behind the id shown last.
func (r *rows) FindCases(s services.CaseSearch) ([]services.ListedCase, error) {
	query, args := caseSearch(s)
	return r.listed(query, args...)
}

func caseSearch(s services.CaseSearch) (query string, args []any) {
	var where sqldb.Where
	if s.Serial != "" {
		where.And("id IN (SELECT id FROM cases WHERE serial = ? UNION SELECT id FROM cases WHERE new_serial = ? AND new_serial <> '')", string(s.Serial), string(s.Serial))
	}
	if s.KeyNumber != "" {
		where.And("lineage IN (SELECT lineage FROM certificates WHERE key_number = ?)", s.KeyNumber)
	}
	if s.Organisation != "" {
		where.And("lineage IN (SELECT lineage FROM certificates WHERE organisation = ?)", s.Organisation)
	}
	if s.Phone != "" {
		where.And("(lineage IN (SELECT held.lineage FROM "+held+" JOIN persons ON persons.id = held.person WHERE persons.phone = ?) OR phone = ?)", s.Phone, s.Phone)
	}
	if s.State != "" {
		where.And("state = ?", string(s.State))
	}
	if s.After != "" {
		where.And("id < ?", string(s.After))
	}
	query = listedFrom(`(SELECT id AS chosen_id FROM cases WHERE `+where.String()+` ORDER BY id DESC LIMIT `+where.Arg(s.Limit)+
		`) AS chosen JOIN cases ON cases.id = chosen.chosen_id`) + `ORDER BY cases.id DESC`
	return query, where.Args
}
