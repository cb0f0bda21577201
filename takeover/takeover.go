// Package takeover brings the installed base of an earlier system over: a table
// of certificates and their handlers (table.go), and the certificates themselves
// (certificates.go, pairing.go). The authority takes each pair first, then the
// hall its handler; the two have no transaction in common, so a run that was
// broken off is simply run again, and what is there already stays as it is. No
// row is taken by half: what is wrong with one is told in a report, in plain
// words, with its row and column.
package takeover

import (
	"context"
	"errors"
	"io"

	"github.com/emmansun/gmsm/smx509"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/hall/accounts"
	"github.com/certhall/certhall/hall/organisations"
)

// batch is how many rows are brought in one transaction.
const batch = 256

// Authority is where pairs are brought: authority/ca's CA.
type Authority interface {
	Import(ctx context.Context, predecessor string, rows []ca.Import, dry bool) ([]ca.Imported, error)
}

// Hall is where handlers are brought: hall/accounts' Desk.
type Hall interface {
	Bring(ctx context.Context, rows []accounts.Brought) ([]string, error)
}

// Organisations is where their administrators are brought:
// hall/organisations' Desk.
type Organisations interface {
	Bring(ctx context.Context, rows []organisations.Brought, operator string) (int, error)
}

// Run is one import.
type Run struct {
	Authority     Authority
	Hall          Hall
	Organisations Organisations
	Operator      string // who orders it
	Predecessor   string
	Issuer        *smx509.Certificate // of the predecessor
	Profiles      map[string]string   // names of the earlier system's → the authority's
	Serials       int                 // how the table writes serial numbers: 16 or 10; 0: as the certificates tell
	Dry           bool                // nothing is stored
	Found         func(Finding) error // told what is wrong with rows, as it is found
	Progress      func(Counts)        // told after each batch; may be nil
}

// Counts say how far a run came and what came of it.
type Counts struct {
	Rows           int // read
	Brought        int // pairs that are new here
	There          int // pairs that were brought before
	Refused        int // rows
	Warnings       int
	Handlers       int // that are new here
	Changed        int // handlers who took another's place, or whose name changed
	Kept           int // handlers who were removed here since, and stay so
	Administrators int // of organisations, that are new here
	Strange        int // certificates of other issuers among the files
	Unread         int // files that hold no certificate
}

// Finding is something to be told of a row.
type Finding struct {
	Row     int    // line of the table, the header being 1; 0: about all of it
	Column  string // as the table calls it; "" for the whole row
	Serial  string // of the certificate, where it is known
	Warning bool   // told, but the row is taken
	Reason  *certhall.Error
}

// What is wrong with a table or a row.
var (
	ErrTable          = certhall.NewError("import-table", certhall.Invalid)        // no table that can be read
	ErrHeader         = certhall.NewError("import-header", certhall.Invalid)       // column
	ErrColumnTwice    = certhall.NewError("import-column-twice", certhall.Invalid) // column
	ErrColumnOther    = certhall.NewError("import-column-unknown", certhall.Invalid)
	ErrCharacters     = certhall.NewError("import-characters", certhall.Invalid)
	ErrShortened      = certhall.NewError("import-shortened", certhall.Invalid) // Excel wrote 1.2E+15
	ErrSerial         = certhall.NewError("import-serial", certhall.Invalid)
	ErrBase           = certhall.NewError("import-serials-ambiguous", certhall.Invalid)
	ErrNoFile         = certhall.NewError("import-certificate-missing", certhall.NotFound)
	ErrTwoFiles       = certhall.NewError("import-certificate-ambiguous", certhall.Conflict)
	ErrNotTheSame     = certhall.NewError("import-certificate-other", certhall.Conflict) // file and serial name different ones
	ErrEncMissing     = certhall.NewError("import-enc-missing", certhall.NotFound)
	ErrEncTwo         = certhall.NewError("import-enc-ambiguous", certhall.Conflict)
	ErrTwice          = certhall.NewError("import-twice", certhall.Conflict) // row
	ErrState          = certhall.NewError("import-state", certhall.Invalid)
	ErrCode           = certhall.NewError("import-code-digit", certhall.Invalid)
	ErrCodeOther      = certhall.NewError("import-code-other", certhall.Conflict)
	ErrKept           = certhall.NewError("import-handler-removed", certhall.Conflict)
	ErrNoPhone        = certhall.NewError("import-handler-phone", certhall.Invalid)
	ErrNoOrganisation = certhall.NewError("import-admin-organisation", certhall.Invalid)
	ErrHolderName     = certhall.NewError("import-organisation-other", certhall.Conflict)
)

// Do brings a table's rows. It may be run again after anything.
func (r *Run) Do(ctx context.Context, table io.ReadSeeker, certificates *Files) (Counts, error) {
	counts := Counts{Strange: certificates.Strange, Unread: len(certificates.Unread)}
	for _, file := range certificates.Unread {
		if err := r.Found(Finding{Serial: file, Warning: true, Reason: ca.ErrImportCertificate}); err != nil {
			return counts, err
		}
	}
	base, err := r.base(table, certificates)
	if err != nil {
		return counts, err
	}
	t, err := openTable(table)
	if err != nil {
		return counts, err
	}
	for _, other := range t.others {
		counts.Warnings++
		if err := r.Found(Finding{Row: 1, Column: other, Warning: true, Reason: ErrColumnOther}); err != nil {
			return counts, err
		}
	}
	seen := map[certhall.Serial]int{}
	for done := false; !done; {
		var rows []prepared
		for len(rows) < batch && !done {
			fields, err := t.next()
			if errors.Is(err, io.EOF) {
				done = true
				break
			}
			if err != nil {
				return counts, err
			}
			counts.Rows++
			p, findings := r.prepare(fields, certificates, base, seen)
			for _, f := range findings {
				f.Row, f.Column = fields.row, t.heading(f.Column)
				if counts.Warnings++; !f.Warning {
					counts.Warnings--
				}
				if err := r.Found(f); err != nil {
					return counts, err
				}
			}
			if p == nil {
				counts.Refused++
				continue
			}
			rows = append(rows, *p)
		}
		if err := ctx.Err(); err != nil {
			return counts, err
		}
		if err := r.bring(ctx, t, rows, &counts); err != nil {
			return counts, err
		}
		if r.Progress != nil {
			r.Progress(counts)
		}
	}
	return counts, nil
}

// bring brings a batch: the authority first, then the hall.
func (r *Run) bring(ctx context.Context, t *table, rows []prepared, counts *Counts) error {
	if len(rows) == 0 {
		return nil
	}
	imports := make([]ca.Import, len(rows))
	for i, row := range rows {
		imports[i] = row.Import
	}
	results, err := r.Authority.Import(ctx, r.Predecessor, imports, r.Dry)
	if err != nil {
		return err
	}
	var handlers []accounts.Brought
	var at []prepared // their rows
	var administrators []organisations.Brought
	for i, result := range results {
		if result.Refused != nil {
			counts.Refused++
			if err := r.Found(Finding{Row: rows[i].row, Column: t.heading(result.Field), Serial: string(rows[i].serial), Reason: result.Refused}); err != nil {
				return err
			}
			continue
		}
		if result.There {
			counts.There++
		} else {
			counts.Brought++
		}
		if rows[i].phone != "" {
			at = append(at, rows[i])
			handlers = append(handlers, accounts.Brought{Lineage: result.Pair.Lineage, Phone: rows[i].phone, Name: rows[i].handler})
		}
		if of := result.Pair.Organisation; rows[i].admin != "" && of != "" {
			administrators = append(administrators, organisations.Brought{Organisation: of, Phone: rows[i].admin})
		}
	}
	if r.Dry {
		return nil
	}
	if len(administrators) > 0 {
		named, err := r.Organisations.Bring(ctx, administrators, r.Operator)
		if err != nil {
			return err
		}
		counts.Administrators += named
	}
	if len(handlers) == 0 {
		return nil
	}
	became, err := r.Hall.Bring(ctx, handlers)
	for i, what := range became {
		switch what {
		case accounts.HandlerAdded:
			counts.Handlers++
		case accounts.HandlerChanged:
			counts.Changed++
		case accounts.HandlerKept:
			counts.Kept++
			counts.Warnings++
			if err := r.Found(Finding{Row: at[i].row, Column: t.heading(colPhone), Serial: string(at[i].serial), Warning: true, Reason: ErrKept}); err != nil {
				return err
			}
		}
	}
	return err
}
