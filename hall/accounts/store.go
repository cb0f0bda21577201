package accounts

import (
	"context"
	"slices"
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
	// Stranger: asked for by somebody whom the hall did not know.
	Stranger bool
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
	RealName  string    // as he wrote it; "" if he did not
	Mail      string    // proved; "" for none
	PhoneAt   time.Time // since when he has this phone; zero: since MadeAt
	// PhoneUnproved: an administrator set the phone, and nobody has shown yet
	// that he has it.
	PhoneUnproved bool
}

// Sources of a handler's link, and of a member's.
const (
	ByKey           = "key"           // proved a phone together with the key
	ByImport        = "import"        // brought from an earlier system
	ByAdministrator = "administrator" // an administrator of the organisation said so
	ByOfficer       = "officer"       // an officer said so
	// ByOrganisation is no link of its own: the administrator of an
	// organisation counts as handler of all its certificates.
	ByOrganisation = "organisation"
)

// Handler is a link person–lineage (经办人).
type Handler struct {
	Person  Person
	Lineage certhall.LineageID
	Source  string
	Name    string // as the earlier system wrote it; "" where it did not, or for others
}

// Registered are the handlers who were registered for a certificate itself; if
// there are none, the administrators of its organisation.
func Registered(handlers []Handler) []Handler {
	own := slices.DeleteFunc(slices.Clone(handlers), func(h Handler) bool { return h.Source == ByOrganisation })
	if len(own) == 0 {
		return handlers
	}
	return own
}

// Role of a member of an organisation.
type Role string

// Roles. An administrator (管理员) counts as handler of all certificates of his
// organisation; a handler (经办人) handles those that he is registered for.
const (
	Administrator Role = "administrator"
	Agent         Role = "handler"
)

// InvitationLife is how long somebody who was invited by his phone may become a
// member: operators give numbers out again.
const InvitationLife = 30 * 24 * time.Hour

// Membership is one organisation that a person belongs to.
type Membership struct {
	Organisation string `json:"organisation" doc:"统一社会信用代码"`
	Name         string `json:"name" doc:"as one of its certificates says; empty if it has none"`
	Role         Role   `json:"role" enum:"administrator,handler"`
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
	// StrangersFrom counts the codes that strangers at an address had sent
	// after a time; those of all addresses if it is "".
	StrangersFrom(address string, after time.Time) (int, error)
	// HasToken tells whether the session is that of a case's token.
	HasToken(s Session, now time.Time) (bool, error)
	// Handlers of a lineage, in the order they came; then the administrators
	// of its organisation, who count as such.
	Handlers(certhall.LineageID) ([]Handler, error)
	// Account and its like find a person; nil if there is none.
	Account(person string) (*Account, error)
	AccountOfPhone(phone string) (*Account, error)
	AccountOfName(key string) (*Account, error)
	// LineagesOf are the lineages that a person handles, or counts as
	// handler of.
	LineagesOf(person string) ([]certhall.LineageID, error)
	// BroughtName is the name that an import gave a person; "" if none did.
	BroughtName(person string) (string, error)
	// Memberships are the organisations that a person belongs to.
	Memberships(person string) ([]Membership, error)
	// Elsewhere tells whether a person has to do with others than an
	// organisation: belongs to another, handles another's certificate (but this
	// one), or has ordered for another.
	Elsewhere(organisation, person string, but certhall.LineageID) (bool, error)
	// Acts are what was done to a person, in order.
	Acts(person string) ([]Act, error)
	// Logins are a person's log-ins before one, by its time and id, latest first.
	Logins(person string, before LoginLine, limit int) ([]LoginLine, error)
	// VisitsOf are a person's log-ins that were seen after one time and begun
	// after another, latest first.
	VisitsOf(person string, seen, started time.Time) ([]Visit, error)
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
	SetPhone(person, phone string, at time.Time, unproved bool) error
	// ProvePhone notes that a person has shown that he has his phone.
	ProvePhone(person string) error
	SetRealName(person, name string) error
	SetMail(person, mail string) error
	// Join makes whoever was invited by a phone after a time a member, and
	// forgets the phone's other invitations.
	Join(phone, person string, invitedAfter, at time.Time) error
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
	// EndVisit ends one of a person's log-ins, by its id.
	EndVisit(person, id string) error
	// EndOthers ends a person's other log-ins.
	EndOthers(person string, but Session) error
	// NoteLogin notes when a person has last logged in.
	NoteLogin(person string, at time.Time) error
	AddLogin(LoginLine) error
	// ForgetLogins drops log-ins noted before a time.
	ForgetLogins(before time.Time) error
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
	// Imported is what an import has said last of a lineage's handler; nil: nothing.
	Imported(certhall.LineageID) (*Brought, error)
	SaveImported(Brought) error
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
