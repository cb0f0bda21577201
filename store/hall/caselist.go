package hall

import (
	"strings"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/services"
)

// listedFrom puts what a list shows of a case's pairs before the case's own
// columns.
func listedFrom(cases string) string {
	return `SELECT COALESCE(made.subject, old.subject, ''), COALESCE(made.organisation, old.organisation, ''),
		COALESCE(made.key_number, old.key_number, ''), COALESCE(made.project, old.project, cases.project),
		COALESCE(old.not_after, 0), COALESCE(made.not_after, 0), ` + qualified("cases", caseColumns) + ` FROM ` + cases + `
		LEFT JOIN certificates AS old ON old.sign_serial = cases.serial
		LEFT JOIN certificates AS made ON made.sign_serial = cases.new_serial `
}

var (
	selectListedCase = listedFrom(`cases`) + `WHERE cases.id = $1`
	// Live ones first, then the latest. They are chosen and put in order by a
	// few columns: whole cases are too large to be sorted.
	selectListedCases = listedFrom(`(SELECT cases.id, cases.opened_at, CASE WHEN cases.state IN ('open', 'closing') THEN 0 ELSE 1 END AS ended
		FROM `+held+` JOIN cases ON cases.lineage = held.lineage WHERE held.person = $1
		ORDER BY ended, cases.opened_at DESC, cases.id DESC LIMIT $2) AS chosen JOIN cases ON cases.id = chosen.id`) +
		`ORDER BY chosen.ended, chosen.opened_at DESC, chosen.id DESC`
)

func (r *rows) listed(query string, args ...any) ([]services.ListedCase, error) {
	var all []services.ListedCase
	err := r.each(func(scan func(...any) error) error {
		var l services.ListedCase
		var project string
		var oldEnd, newEnd int64
		c, err := scanCase(func(into ...any) error {
			return scan(append([]any{&l.Subject, &l.Organisation, &l.KeyNumber, &project, &oldEnd, &newEnd}, into...)...)
		})
		if err != nil {
			return err
		}
		l.Case, l.OldEnd, l.NewEnd = *c, at(oldEnd), at(newEnd)
		l.Project = project
		all = append(all, l)
		return nil
	}, query, args...)
	return all, err
}

func (r *rows) ListedCase(id certhall.CaseID) (*services.ListedCase, error) {
	found, err := r.listed(selectListedCase, string(id))
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return &found[0], nil
}

func (r *rows) ListedCases(person string, limit int) ([]services.ListedCase, error) {
	return r.listed(selectListedCases, person, limit)
}

func (r *rows) CasesListed(ids ...certhall.CaseID) ([]services.ListedCase, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	return r.listed(listedFrom(`cases`)+`WHERE cases.id IN (`+places(len(ids))+`)`, values(ids)...)
}

func (r *rows) History(q services.HistoryQuery) ([]services.Happening, error) {
	var parts []string
	if q.Kind != services.OrderKind {
		parts = append(parts, `SELECT 'case' AS kind, cases.id AS id, cases.opened_at AS at
			FROM `+held+` JOIN cases ON cases.lineage = held.lineage WHERE held.person = $1`)
	}
	if q.Kind != services.CaseKind {
		parts = append(parts, `SELECT 'order' AS kind, id, made_at AS at FROM orders WHERE person = $1`)
	}
	after, args := ``, []any{q.Person, q.Limit}
	if !q.Before.At.IsZero() {
		after, args = `WHERE at < $3 OR at = $3 AND id < $4`, append(args, ms(q.Before.At), q.Before.ID)
	}
	var all []services.Happening
	err := r.each(func(scan func(...any) error) error {
		var h services.Happening
		var when int64
		err := scan(&h.Kind, &h.ID, &when)
		h.At = at(when)
		all = append(all, h)
		return err
	}, `SELECT kind, id, at FROM (`+strings.Join(parts, ` UNION ALL `)+`) AS everything
		`+after+` ORDER BY at DESC, id DESC LIMIT $2`, args...)
	return all, err
}

func (r *rows) BusyCasesOf(person string) ([]*services.Case, error) {
	return r.cases(`WHERE busy AND lineage IN (SELECT lineage FROM `+held+` WHERE person = $1)`, person)
}
