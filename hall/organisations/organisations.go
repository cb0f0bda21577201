// Package organisations is where an organisation looks after its own people:
// its members with their roles, whom its administrators (管理员) invite, whom they
// make handlers (经办人) of which certificates, and to whom they give another
// phone. Officers name an organisation's administrators, or the import of an
// earlier system does; administrators do the rest. Every act is recorded.
//
// That an administrator counts as handler of all certificates of his
// organisation is one rule of the store (store/hall, held); the rooms see it as
// accounts.Handler with source ByOrganisation.
package organisations

import (
	"cmp"
	"context"
	"io"
	"regexp"
	"strings"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/accounts"
)

// What this desk answers beside success.
var (
	ErrOrganisation = certhall.NewError("organisation-unknown", certhall.NotFound) // or not his to look after
	ErrMember       = certhall.NewError("member-unknown", certhall.NotFound)
	ErrCode         = certhall.NewError("organisation-code", certhall.Invalid)
	ErrLast         = certhall.NewError("last-administrator", certhall.Conflict)
	ErrElsewhere    = certhall.NewError("member-elsewhere", certhall.Denied)
	ErrMyself       = certhall.NewError("member-myself", certhall.Conflict)
	ErrCertificate  = certhall.NewError("organisation-certificate", certhall.NotFound)
	ErrFull         = certhall.NewError("organisation-full", certhall.Conflict)
)

// mostMembers bounds an organisation, with those who are only invited.
const mostMembers = 500

// Kinds of acts in an organisation. Was and Became are roles, masked phones, or
// serial numbers of certificates.
const (
	ActInvite   = "member-invite"
	ActUninvite = "member-uninvite"
	ActRole     = "member-role"
	ActRemove   = "member-remove"
	ActHandler  = "handler-add"
	ActNoMore   = "handler-remove"
)

// Member is somebody who belongs to an organisation, or is invited to.
type Member struct {
	ID           string        `json:"id"`
	Name         string        `json:"name" doc:"real name; empty if none is known, or he is only invited"`
	Phone        string        `json:"phone" doc:"masked"`
	Role         accounts.Role `json:"role" enum:"administrator,handler"`
	Source       string        `json:"source" enum:"import,officer,administrator,key" doc:"who made him a member; key: he handles a certificate by its key"`
	Since        time.Time     `json:"since"`
	Certificates int           `json:"certificates" doc:"so many of the organisation's he is the registered handler of"`
	Invited      bool          `json:"invited" doc:"becomes a member when he logs in with this phone"`
	Myself       bool          `json:"myself"`
}

// Members are the people of an organisation, administrators first.
type Members struct {
	Organisation string   `json:"organisation"`
	Name         string   `json:"name"`
	Members      []Member `json:"members"`
	Told         string   `json:"told,omitempty" enum:"sent,unsent" doc:"after an invitation: whether a short message tells of it; absent if nobody new was invited"`
}

// What Members.Told says.
const (
	Sent   = "sent"
	Unsent = "unsent" // no provider, or limits are reached: whoever invites has to tell him
)

// Row is a member's or an invitation's.
type Row struct {
	Organisation, Person string
	Role                 accounts.Role
	Source               string
}

// Store is what the desk needs of the database.
type Store interface {
	Read(ctx context.Context, f func(Reader) error) error
	// Write runs f in one transaction, perhaps more than once.
	Write(ctx context.Context, f func(Writer) error) error
}

// Reader reads one consistent state.
type Reader interface {
	accounts.Reader
	// Organisation is the name of an organisation; "" if no certificate tells it.
	Organisation(code string) (name string, err error)
	// Member is what a person is in an organisation; nil if nothing. Whoever
	// handles one of its certificates is a member too.
	Member(code, person string) (*Row, error)
	// Members are all of them, then those who are invited; phones in full.
	Members(code string) ([]Member, error)
	Administrators(code string) (int, error)
	// CertificateOf finds a certificate of an organisation by the serial number
	// of its pair; "" if it has none such.
	CertificateOf(code string, serial certhall.Serial) (certhall.LineageID, error)
	// HandledBy are the serial numbers of the pairs, present and past, of those
	// of its certificates that a person is registered for.
	HandledBy(code, person string) ([]certhall.Serial, error)
	// ActsIn are what was done in an organisation, in order.
	ActsIn(code string) ([]accounts.Act, error)
}

// Writer writes within one transaction.
type Writer interface {
	Reader
	accounts.Writer
	// LockOrganisation makes changes of one organisation wait for each other.
	LockOrganisation(code string) error
	// SetMember makes a person a member, or changes his role.
	SetMember(row Row, at time.Time) error
	// DropMember ends a membership, the person's links to the organisation's
	// certificates, and an invitation of his phone.
	DropMember(code, person string) error
	// NoteImported notes that an import calls a phone's owner an administrator;
	// false if one has said so before.
	NoteImported(code, phone string) (bool, error)
	// Invite invites a phone, or changes the role it is invited for.
	Invite(id, code, phone string, role accounts.Role, at time.Time) error
	// ForgetInvitations drops those made before a time.
	ForgetInvitations(code string, before time.Time) error
	// Uninvite takes an invitation back; its phone, "" if there was none.
	Uninvite(code, id string) (phone string, err error)
}

// Options of a Desk.
type Options struct {
	Store  Store
	People *accounts.Desk
	Clock  certhall.Clock
	Random io.Reader
}

// Desk is where administrators look after their organisation.
type Desk struct{ Options }

// New makes a Desk.
func New(o Options) *Desk { return &Desk{o} }

func (d *Desk) now() time.Time { return d.Clock.Now().UTC().Truncate(time.Millisecond) }

var codes = regexp.MustCompile(`^[0-9A-Z]{1,40}$`)

// ParseCode reads an organisation's code (统一社会信用代码, or an older one).
func ParseCode(typed string) (string, error) {
	code := strings.ToUpper(strings.TrimSpace(typed))
	if !codes.MatchString(code) {
		return "", ErrCode
	}
	return code, nil
}

// administers refuses whoever is no administrator; everybody else's
// organisations answer like missing ones.
func administers(r Reader, code, person string) error {
	m, err := r.Member(code, person)
	if err == nil && (m == nil || m.Role != accounts.Administrator) {
		err = ErrOrganisation
	}
	return err
}

// change runs what an administrator does, and records it.
func (d *Desk) change(ctx context.Context, v accounts.Visit, code string, f func(Writer) (accounts.Act, error)) (Members, error) {
	now := d.now()
	id := certhall.NewID(now, d.Random)
	err := d.Store.Write(ctx, func(w Writer) error {
		if err := w.LockOrganisation(code); err != nil {
			return err
		}
		if err := administers(w, code, v.Person); err != nil {
			return err
		}
		act, err := f(w)
		if err != nil || act.Kind == "" {
			return err
		}
		act.ID, act.At, act.Operator, act.Organisation = id, now, accounts.ByPerson(v.Person), code
		return w.AddAct(act)
	})
	if err != nil {
		return Members{}, err
	}
	return d.Members(ctx, v, code)
}

// Members lists an organisation's people for one of its administrators. Nobody
// sees a phone in full.
func (d *Desk) Members(ctx context.Context, v accounts.Visit, code string) (list Members, err error) {
	list.Organisation = code
	err = d.Store.Read(ctx, func(r Reader) error {
		if err := administers(r, code, v.Person); err != nil {
			return err
		}
		if list.Name, err = r.Organisation(code); err != nil {
			return err
		}
		list.Members, err = masked(r, code, v.Person)
		return err
	})
	return list, err
}

func masked(r Reader, code, myself string) ([]Member, error) {
	all, err := r.Members(code)
	found := make([]Member, 0, len(all))
	for _, m := range all {
		m.Phone, m.Myself = accounts.Mask(m.Phone), m.ID == myself
		found = append(found, m)
	}
	return found, err
}

// member finds somebody who belongs to an organisation.
func member(r Reader, code, person string) (*Row, error) {
	m, err := r.Member(code, person)
	if err != nil || m == nil {
		return nil, cmp.Or(err, error(ErrMember))
	}
	return m, nil
}
