// Package register is what officers look things up in: it finds pairs, tells a
// pair's or a case's whole story with the evidence for every step of it, and
// drafts what a reviewer or two officers are to sign. It believes nothing that
// is stored: every signature is verified anew while it is told. It changes
// nothing; what was decided is carried out by package authority/ca.
package register

import (
	"context"
	"io"
	"time"

	"github.com/emmansun/gmsm/smx509"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/authority/ca"
)

// Store is what the register needs of the authority's database.
type Store interface {
	// Look reads one consistent state.
	Look(ctx context.Context, f func(Reader) error) error
}

// Reader reads one consistent state. A row that is not there is nil.
type Reader interface {
	ca.Reader
	// Find is the search that Register.Find documents; its first index is used.
	Find(Search) ([]*ca.Pair, error)
	// CaseAttempts are all attempts of a case, in order.
	CaseAttempts(certhall.CaseID) ([]*ca.Attempt, error)
	// CasePairs are all pairs of a case, given-up intents too, in order.
	CasePairs(certhall.CaseID) ([]*ca.Pair, error)
	// CaseRecords are a case's entries of the record, in order; some may have no
	// number yet.
	CaseRecords(certhall.CaseID) ([]ca.Record, error)
	// AllStaff lists everybody who has or had a role, in order.
	AllStaff(role string) ([]*ca.Staff, error)
	// AdminPINs are what is escrowed of USB keys behind a serial, by serial.
	AdminPINs(after string, limit int) ([]*ca.AdminPIN, error)
	// LastTicket is the ticket that was signed last; nil before there is one.
	LastTicket() ([]byte, error)
}

// Register is the register of one authority.
type Register struct {
	Store  Store
	ID     string              // of the authority
	Root   *smx509.Certificate // what desks trust: all its certificates chain to it
	Chains map[string][][]byte // what lies between users' certificates and Root, by the issuing CA's name
	Clock  certhall.Clock
	Random io.Reader
}

func (r *Register) now() time.Time { return r.Clock.Now().UTC() }

// find is the pair with a serial, of either certificate.
func find(rd Reader, s certhall.Serial) (*ca.Pair, error) {
	p, err := rd.PairBySerial(s)
	if err == nil && p == nil {
		err = authority.ErrUnknownCert
	}
	return p, err
}
