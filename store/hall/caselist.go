package hall

import (
	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/services"
)

// selectListed puts what a list shows of a case's pairs before the case's own
// columns.
var selectListed = `SELECT COALESCE(made.subject, old.subject, ''), COALESCE(made.organisation, old.organisation, ''),
	COALESCE(made.key_number, old.key_number, ''), COALESCE(made.project, old.project, cases.project),
	COALESCE(old.not_after, 0), COALESCE(made.not_after, 0), ` + qualified("cases", caseColumns) + ` FROM cases
	LEFT JOIN certificates AS old ON old.sign_serial = cases.serial
	LEFT JOIN certificates AS made ON made.sign_serial = cases.new_serial `

// latestFirst puts those that can be gone on with before all others.
const latestFirst = `ORDER BY CASE WHEN cases.state IN ('open', 'closing') THEN 0 ELSE 1 END, cases.opened_at DESC, cases.id DESC`

func (r *rows) listed(where string, args ...any) ([]services.ListedCase, error) {
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
	}, selectListed+where, args...)
	return all, err
}

func (r *rows) ListedCase(id certhall.CaseID) (*services.ListedCase, error) {
	found, err := r.listed(`WHERE cases.id = $1`, string(id))
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return &found[0], nil
}

// ListedCases chooses by ids first: whole cases are too large to be sorted.
func (r *rows) ListedCases(person string, limit int) ([]services.ListedCase, error) {
	return r.listed(`WHERE cases.id IN (SELECT cases.id FROM handlers JOIN cases ON cases.lineage = handlers.lineage
		WHERE handlers.person = $1 `+latestFirst+` LIMIT $2) `+latestFirst, person, limit)
}

func (r *rows) BusyCasesOf(person string) ([]*services.Case, error) {
	return r.cases(`WHERE busy AND lineage IN (SELECT lineage FROM handlers WHERE person = $1)`, person)
}
