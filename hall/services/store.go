package services

import (
	"context"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/hall/accounts"
	"github.com/certhall/certhall/hall/orders"
)

// Store is what the counters need of the hall's database.
type Store interface {
	Read(ctx context.Context, f func(Reader) error) error
	// Write runs f in one transaction, perhaps more than once; success means
	// committed and durable. f touches nothing but the Writer.
	Write(ctx context.Context, f func(Writer) error) error
}

// Token gives a session access to one case.
type Token struct {
	Session accounts.Session
	Case    certhall.CaseID
	Expires time.Time
}

// Certificate is a row of the projection of the authority's events.
type Certificate struct {
	authority.PairInfo
	Seq int64 // number of the event it shows
}

// ListedCase is a case with what a list shows of its pairs.
type ListedCase struct {
	Case
	Subject, Organisation, KeyNumber string
	OldEnd, NewEnd                   time.Time // zero where the pair is not known (yet)
}

// Reader reads one consistent state. A row that is not there is nil.
type Reader interface {
	orders.Reader
	Case(certhall.CaseID) (*Case, error)
	// BusyCase is the case that occupies the lineage.
	BusyCase(certhall.LineageID) (*Case, error)
	// CaseOfPair is the case whose new pair has this signing certificate.
	CaseOfPair(certhall.Serial) (*Case, error)
	// CasesFrom are the cases that started from the pair with this signing
	// certificate, latest first.
	CasesFrom(certhall.Serial) ([]*Case, error)
	// NonceSpent tells whether a nonce that has not expired was spent.
	NonceSpent(nonce []byte) (bool, error)
	Token(accounts.Session) (*Token, error)
	TokenOf(certhall.CaseID) (*Token, error)
	Certificate(certhall.Serial) (*Certificate, error)
	// ListedCase is a case with what a list shows of its pairs.
	ListedCase(certhall.CaseID) (*ListedCase, error)
	// ListedCases are the cases of the lineages that a person handles: live
	// ones first, then the latest; at most limit.
	ListedCases(person string, limit int) ([]ListedCase, error)
	// CasesListed are those with these numbers, in no order.
	CasesListed(...certhall.CaseID) ([]ListedCase, error)
	// History is what happened to a person's cases and orders, the latest first.
	History(HistoryQuery) ([]Happening, error)
	// LineagesOf are those that a person handles.
	LineagesOf(person string) ([]certhall.LineageID, error)
	// BusyCasesOf are the cases that occupy a lineage that a person handles.
	BusyCasesOf(person string) ([]*Case, error)
	// CasesUnderWay are those that may owe the authority something.
	CasesUnderWay() ([]certhall.CaseID, error)
	// CasesDoneSince are those whose new pair the projection shows by an event
	// behind this number, or not at all.
	CasesDoneSince(seq int64) ([]certhall.CaseID, error)
	// CertificatesOf gives for each lineage that a person handles its current
	// pair, or the last one that was, the soonest end first; at most limit.
	CertificatesOf(person string, limit int) ([]Certificate, error)
	// Journal is what happened to a case, in order.
	Journal(certhall.CaseID) ([]Entry, error)
	// FindCases is the search that Counter.FindCases documents.
	FindCases(CaseSearch) ([]ListedCase, error)
	// Cursor is the number of the last event that was followed.
	Cursor() (int64, error)
	Handlers(certhall.LineageID) ([]accounts.Handler, error)
	AccountOfPhone(phone string) (*accounts.Account, error)
	Proof(s accounts.Session, phone string) (until time.Time, err error)
}

// Writer writes within one transaction.
type Writer interface {
	Reader
	orders.Writer
	accounts.HandlerWriter
	// LockCase reads a case and holds it until the transaction ends.
	LockCase(certhall.CaseID) (*Case, error)
	// AddCase stores a new case; false if its lineage is occupied.
	AddCase(Case) (bool, error)
	// SaveCase replaces the case with version one below; false if it moved.
	SaveCase(Case) (bool, error)
	AddEntry(Entry) error
	// Enqueue gives an effect to the queue, within this transaction.
	Enqueue(Effect) error
	// SpendNonce stores a nonce until it expires; false if it stands already.
	SpendNonce(nonce []byte, expires, now time.Time) (bool, error)
	// SetToken makes t the only token of its case.
	SetToken(t Token) error
	// CarryProofs gives a session what another one has proved and still counts.
	CarryProofs(from, to accounts.Session, now time.Time) error
	// EndToken ends the token of a case, if it has one.
	EndToken(certhall.CaseID) error
	// ProjectPair stores a pair as it was after the event with this number,
	// unless a later one is stored already.
	ProjectPair(p authority.PairInfo, seq int64) error
	// ProjectSuccessor marks the lineage's other current pairs superseded.
	ProjectSuccessor(p authority.PairInfo, seq int64) error
	// MoveCursor is a compare-and-swap.
	MoveCursor(from, to int64) (bool, error)
	// ForgetCertificates empties the projection, to be followed anew.
	ForgetCertificates() error
}
