package accounts

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/certhall/certhall"
)

// Levels of a person (会员等级). They follow from what he is; there are no
// points.
const (
	LevelOrdinary      = "ordinary"      // 普通用户
	LevelAdministrator = "administrator" // 单位管理员
)

// longestRealName is in characters.
const longestRealName = 40

// ErrRealName says that something can be no name of a person.
var ErrRealName = certhall.NewError("real-name-malformed", certhall.Invalid)

// Me is what a person sees of himself (个人信息).
type Me struct {
	UserName        string       `json:"user_name"`
	Level           string       `json:"level" enum:"ordinary,administrator" doc:"administrator where he administers an organisation"`
	RealName        string       `json:"real_name" doc:"as he wrote it, else as it was imported"`
	Phone           string       `json:"phone" doc:"masked"`
	Mail            string       `json:"mail" doc:"masked; empty if he gave none"`
	HasPassword     bool         `json:"has_password" doc:"one of his own"`
	MustSetPassword bool         `json:"must_set_password" doc:"came with the first password: may do nothing but set one"`
	Organisations   []Membership `json:"organisations" doc:"that he belongs to"`
	RegisteredAt    time.Time    `json:"registered_at"`
	LastLoginAt     time.Time    `json:"last_login_at,omitzero" doc:"the one before this; absent if there was none"`
	SessionEndsAt   time.Time    `json:"session_ends_at" doc:"if no further request comes"`
}

func meOf(r Reader, a Account, v Visit) (me Me, err error) {
	me = Me{
		UserName: a.UserName, Level: LevelOrdinary, RealName: a.RealName, Phone: Mask(a.Phone), Mail: MaskMail(a.Mail),
		HasPassword: a.Password != "", MustSetPassword: v.MustSetPassword,
		RegisteredAt: a.MadeAt, SessionEndsAt: v.EndsAt(),
	}
	if me.RealName == "" {
		if me.RealName, err = r.BroughtName(a.ID); err != nil {
			return me, err
		}
	}
	memberships, err := r.Memberships(a.ID)
	if err != nil {
		return me, err
	}
	me.Organisations = append([]Membership{}, memberships...) // never null
	if slices.ContainsFunc(me.Organisations, func(m Membership) bool { return m.Role == Administrator }) {
		me.Level = LevelAdministrator
	}
	before, err := r.Logins(a.ID, LoginLine{At: v.StartedAt}, lookBack)
	i := slices.IndexFunc(before, func(l LoginLine) bool { return l.Refused == "" })
	if i >= 0 {
		me.LastLoginAt = before[i].At
	}
	return me, err
}

// lookBack is how far the last log-in that succeeded is looked for behind those
// that were refused.
const lookBack = 200

// Me tells a person of himself.
func (d *Desk) Me(ctx context.Context, v Visit) (me Me, err error) {
	err = d.Store.Read(ctx, func(r Reader) error {
		a, err := r.Account(v.Person)
		if err != nil || a == nil {
			return cmp.Or(err, error(ErrLoginNeeded))
		}
		me, err = meOf(r, *a, v)
		return err
	})
	return me, err
}

// SetRealName gives a person the name he writes; "" is none.
func (d *Desk) SetRealName(ctx context.Context, v Visit, typed string) (Me, error) {
	name := strings.Join(strings.Fields(norm.NFC.String(typed)), " ")
	if utf8.RuneCountInString(name) > longestRealName || !utf8.ValidString(name) || strings.ContainsFunc(name, strange) {
		return Me{}, ErrRealName
	}
	if err := d.Store.Write(ctx, func(w Writer) error { return w.SetRealName(v.Person, name) }); err != nil {
		return Me{}, err
	}
	return d.Me(ctx, v)
}

// strange tells of what stands in no name: neither letter nor mark, nor one of
// the signs that join them.
func strange(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsMark(r) && !strings.ContainsRune(" .·'’-", r)
}
