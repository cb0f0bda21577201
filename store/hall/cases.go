package hall

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/services"
)

// caseColumns are in the order of scanCase and caseValues.
var caseColumns = []string{
	"id", "version", "service", "state", "busy", "lineage", "serial", "opened_at",
	"attempt", "attempt_rank", "acknowledged", "new_serial", "acknowledged_at", "suspended", "held_seq", "closed_there",
	"identified", "project", "profile", "term_years", "max_years", "disposal", "key_serial", "phone", "phone_proved", "entitlement",
	"request", "evidence", "installed", "untestable", "acknowledgement", "claiming", "claim", "lost",
	"errands", "make_room", "closing", "delay", "delay_params", "problem",
}

func caseValues(c services.Case) ([]any, error) {
	errands, err := json.Marshal(c.Errands)
	if err != nil {
		return nil, err
	}
	problem, err := json.Marshal(c.Problem)
	if err != nil {
		return nil, err
	}
	delayBy := ""
	if len(c.DelayBy) > 0 {
		text, err := json.Marshal(c.DelayBy)
		if err != nil {
			return nil, err
		}
		delayBy = string(text)
	}
	return []any{
		string(c.ID), c.Version, string(c.Service), string(c.State), c.Busy(), string(c.Lineage), string(c.Serial), ms(c.OpenedAt),
		c.Attempt, int(c.Rank), c.Acknowledged, string(c.NewSerial), ms(c.AcknowledgedAt), c.Suspended, c.HeldSeq, c.ClosedThere,
		c.Identified, c.Project, c.Profile, c.TermYears, c.MaxYears, string(c.Disposal), c.KeySerial, c.Phone, c.PhoneProved, string(c.Entitlement),
		c.Request, c.Evidence, c.Installed, c.Untestable, c.Acknowledgement, c.Claiming, c.Claim, c.Lost,
		string(errands), c.MakeRoom, c.Closing, c.Delay, delayBy, string(problem),
	}, nil
}

func scanCase(scan func(...any) error) (*services.Case, error) {
	var c services.Case
	var busy bool // derived
	var opened, acknowledged int64
	var errands, delayBy, problem string
	err := scan(
		&c.ID, &c.Version, &c.Service, &c.State, &busy, &c.Lineage, &c.Serial, &opened,
		&c.Attempt, &c.Rank, &c.Acknowledged, &c.NewSerial, &acknowledged, &c.Suspended, &c.HeldSeq, &c.ClosedThere,
		&c.Identified, &c.Project, &c.Profile, &c.TermYears, &c.MaxYears, &c.Disposal, &c.KeySerial, &c.Phone, &c.PhoneProved, &c.Entitlement,
		&c.Request, &c.Evidence, &c.Installed, &c.Untestable, &c.Acknowledgement, &c.Claiming, &c.Claim, &c.Lost,
		&errands, &c.MakeRoom, &c.Closing, &c.Delay, &delayBy, &problem,
	)
	if err != nil {
		return nil, err
	}
	c.OpenedAt, c.AcknowledgedAt = at(opened), at(acknowledged)
	if err := json.Unmarshal([]byte(errands), &c.Errands); err != nil {
		return nil, err
	}
	if delayBy != "" {
		if err := json.Unmarshal([]byte(delayBy), &c.DelayBy); err != nil {
			return nil, err
		}
	}
	return &c, json.Unmarshal([]byte(problem), &c.Problem)
}

var (
	selectCases = "SELECT " + strings.Join(caseColumns, ", ") + " FROM cases "
	insertCase  = "INSERT INTO cases (" + strings.Join(caseColumns, ", ") + ") VALUES (" + places(len(caseColumns)) + ") ON CONFLICT DO NOTHING"
	updateCase  = "UPDATE cases SET " + assignments(caseColumns) + " WHERE id = $1 AND version = $" + strconv.Itoa(len(caseColumns)+1)
)

// places writes $1, $2, …
func places(n int) string {
	p := make([]string, n)
	for i := range p {
		p[i] = "$" + strconv.Itoa(i+1)
	}
	return strings.Join(p, ", ")
}

// assignments writes id = $1, version = $2, …: placeholders in order of appearance.
func assignments(columns []string) string {
	a := make([]string, len(columns))
	for i, c := range columns {
		a[i] = c + " = $" + strconv.Itoa(i+1)
	}
	return strings.Join(a, ", ")
}

// qualified writes table.id, table.version, …
func qualified(table string, columns []string) string {
	return table + "." + strings.Join(columns, ", "+table+".")
}

func (r *rows) cases(where string, args ...any) ([]*services.Case, error) {
	var found []*services.Case
	err := r.each(func(scan func(...any) error) error {
		c, err := scanCase(scan)
		found = append(found, c)
		return err
	}, selectCases+where, args...)
	return found, err
}

func (r *rows) oneCase(where string, args ...any) (*services.Case, error) {
	found, err := r.cases(where, args...)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return found[0], nil
}

func (r *rows) Case(id certhall.CaseID) (*services.Case, error) {
	return r.oneCase(`WHERE id = $1`, string(id))
}

func (r *rows) LockCase(id certhall.CaseID) (*services.Case, error) {
	return r.oneCase(`WHERE id = $1`+r.tx.ForUpdate(), string(id))
}

func (r *rows) BusyCase(l certhall.LineageID) (*services.Case, error) {
	return r.oneCase(`WHERE lineage = $1 AND busy`, string(l))
}

func (r *rows) CaseOfPair(serial certhall.Serial) (*services.Case, error) {
	return r.oneCase(`WHERE new_serial = $1 AND new_serial <> ''`, string(serial))
}

func (r *rows) CasesFrom(serial certhall.Serial) ([]*services.Case, error) {
	return r.cases(`WHERE serial = $1 ORDER BY opened_at DESC, id DESC`, string(serial))
}

func (r *rows) caseIDs(query string, args ...any) ([]certhall.CaseID, error) {
	var ids []certhall.CaseID
	err := r.each(func(scan func(...any) error) error {
		var id certhall.CaseID
		err := scan(&id)
		ids = append(ids, id)
		return err
	}, query, args...)
	return ids, err
}

func (r *rows) CasesDoneSince(seq int64) ([]certhall.CaseID, error) {
	return r.caseIDs(`SELECT id FROM cases WHERE acknowledged AND NOT EXISTS
		(SELECT 1 FROM certificates WHERE sign_serial = new_serial AND seq <= $1) ORDER BY opened_at DESC, id DESC`, seq)
}

func (r *rows) CasesUnderWay() ([]certhall.CaseID, error) {
	return r.caseIDs(`SELECT id FROM cases WHERE state IN ('open', 'closing') OR state IN ('refused', 'closed') AND closing IS NULL ORDER BY id`)
}

func (r *rows) AddCase(c services.Case) (bool, error) {
	values, err := caseValues(c)
	if err != nil {
		return false, err
	}
	return r.swap(insertCase, values...)
}

func (r *rows) SaveCase(c services.Case) (bool, error) {
	values, err := caseValues(c)
	if err != nil {
		return false, err
	}
	return r.swap(updateCase, append(values, c.Version-1)...)
}

func (r *rows) AddEntry(e services.Entry) error {
	return r.run(`INSERT INTO journal (case_id, version, kind, at, data) VALUES ($1, $2, $3, $4, $5)`,
		string(e.Case), e.Version, string(e.Kind), ms(e.At), e.Data)
}

func (r *rows) Enqueue(e services.Effect) error {
	return r.queue.Enqueue(r.tx.Context(), r.tx.SQL(), e)
}
