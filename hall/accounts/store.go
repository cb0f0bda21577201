package accounts

import (
	"context"
	"time"

	"github.com/certhall/certhall"
)

// Session names a holder's session: the digest of a token.
type Session string

// Code is one code that was sent. The code itself is not kept.
type Code struct {
	ID      string
	Session Session
	Phone   string
	Address string // network address that asked for it
	Digest  []byte
	SentAt  time.Time
	Tries   int  // wrong tries while it lived
	Used    bool // proved a phone
}

// Person is someone with a proved phone.
type Person struct {
	ID    string
	Phone string
}

// Sources of a handler's link.
const (
	ByKey    = "key"    // proved a phone together with the key
	ByImport = "import" // brought from an earlier system
)

// Handler is a link person–lineage (经办人).
type Handler struct {
	Person  Person
	Lineage certhall.LineageID
	Source  string
}

// Store is what the desk needs of the database.
type Store interface {
	Read(ctx context.Context, f func(Reader) error) error
	// Write runs f in one transaction, perhaps more than once.
	Write(ctx context.Context, f func(Writer) error) error
}

// Reader reads one consistent state.
type Reader interface {
	// LiveCodes are the unused codes of a phone sent after a time, oldest first.
	LiveCodes(phone string, sentAfter time.Time) ([]Code, error)
	// SendsTo counts the codes sent to a phone after a time, and tells the last.
	SendsTo(phone string, after time.Time) (n int, last time.Time, err error)
	// SendsFrom counts the codes that an address had sent after a time.
	SendsFrom(address string, after time.Time) (int, error)
	// Proof tells until when a session's proof of a phone counts; zero if none.
	Proof(s Session, phone string) (until time.Time, err error)
	// Handlers of a lineage, in the order they came.
	Handlers(certhall.LineageID) ([]Handler, error)
	// Visit is the log-in of a session; zero if there is none.
	Visit(Session) (Visit, error)
}

// Writer writes within one transaction.
type Writer interface {
	Reader
	// LockPhone and LockAddress make concurrent counting wait for each other.
	LockPhone(phone string) error
	LockAddress(address string) error
	AddCode(Code) error
	CountWrongTry(phone string, sentAfter time.Time) error
	UseCodes(phone string, s Session) error
	AddProof(s Session, phone string, until time.Time) error
	// ForgetCodes drops codes sent before a time.
	ForgetCodes(before time.Time) error
	// SeeVisit notes that a visit was seen, unless it has ended.
	SeeVisit(s Session, at time.Time) error
	HandlerWriter
}

// HandlerWriter is the part of a transaction that records handlers.
type HandlerWriter interface {
	// PersonOfPhone finds or makes the person with this phone.
	PersonOfPhone(phone, newID string, at time.Time) (Person, error)
	// AddHandler links person and lineage, unless they are linked already.
	AddHandler(h Handler, at time.Time) error
}
