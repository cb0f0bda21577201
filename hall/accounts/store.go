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

// Account is a person with what he logs in by.
type Account struct {
	Person
	UserName  string // "" for none
	Password  string // hash of one of his own; "" for none
	MadeAt    time.Time
	LastLogin time.Time // zero: never
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
	Name    string // as the earlier system wrote it; "" where it did not, or for others
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
	// Account and its like find a person; nil if there is none.
	Account(person string) (*Account, error)
	AccountOfPhone(phone string) (*Account, error)
	AccountOfName(key string) (*Account, error)
	// LineagesOf are the lineages that a person handles.
	LineagesOf(person string) ([]certhall.LineageID, error)
	// Acts are what officers did to a person, in order.
	Acts(person string) ([]Act, error)
	// Visit is the log-in of a session; zero if there is none.
	Visit(Session) (Visit, error)
	// Tries counts what was tried after a time, and tells the first.
	Tries(subject string, after time.Time) (n int, first time.Time, err error)
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
	// LockAccount reads a person and holds him until the transaction ends.
	LockAccount(person string) (*Account, error)
	SetPassword(person, hash string) error
	SetPhone(person, phone string) error
	// ForgetPhone makes the codes sent to a phone, and proofs of it, count for
	// nothing.
	ForgetPhone(phone string) error
	AddAct(Act) error
	// SetUserName gives a person a user name; false if it is another's.
	SetUserName(person, name, key string) (bool, error)
	AddVisit(Visit) error
	// SeeVisit notes that a visit was seen, unless it has ended.
	SeeVisit(s Session, at time.Time) error
	// FreeVisit lets a visit do everything.
	FreeVisit(Session) error
	// EndSession ends a session's log-in and what was proved to it.
	EndSession(Session) error
	// EndOthers ends a person's other log-ins.
	EndOthers(person string, but Session) error
	// NoteLogin notes when a person has last logged in.
	NoteLogin(person string, at time.Time) error
	// ForgetVisits drops visits that were started before a time.
	ForgetVisits(before time.Time) error
	// LockTries makes concurrent tries wait for each other.
	LockTries(subject string) error
	AddTry(id, subject string, at time.Time) error
	// DropTry takes back a try that counts for nothing.
	DropTry(id string) error
	// ForgetTries drops tries made before a time.
	ForgetTries(before time.Time) error
	// SpendNonce stores a nonce until it expires; false if it stands already.
	SpendNonce(nonce []byte, expires, now time.Time) (bool, error)
	HandlerWriter
}

// HandlerWriter is the part of a transaction that records handlers.
type HandlerWriter interface {
	// PersonOfPhone finds or makes the person with this phone.
	PersonOfPhone(phone, newID string, at time.Time) (Person, error)
	// AddHandler links person and lineage, unless they are linked already.
	AddHandler(h Handler, at time.Time) error
	// NameHandler changes a link's name; DropHandler ends a link.
	NameHandler(h Handler) error
	DropHandler(h Handler) error
}
