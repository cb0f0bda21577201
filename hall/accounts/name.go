package accounts

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/certhall/certhall"
)

// Length of a user name, in characters.
const (
	nameShortest = 2
	nameLongest  = 32
)

// ErrUserName says that something can be no user name.
var ErrUserName = certhall.NewError("user-name-malformed", certhall.Invalid)

// ParseUserName reads a user name: Chinese and Latin letters, digits and ._-,
// at least one of them a letter, so that none can be taken for a phone. Forms
// that look alike are one (full and half width); key is what names are
// compared by, without regard to case.
func ParseUserName(typed string) (name, key string, err error) {
	name = norm.NFKC.String(strings.TrimSpace(typed))
	letter := false
	for _, r := range name {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', unicode.Is(unicode.Han, r) && unicode.IsLetter(r):
			letter = true
		case '0' <= r && r <= '9', strings.ContainsRune("._-", r):
		default:
			return "", "", ErrUserName
		}
	}
	if n := utf8.RuneCountInString(name); !letter || n < nameShortest || n > nameLongest {
		return "", "", ErrUserName
	}
	return name, strings.ToLower(name), nil
}

// login is what a person types to say who he is: a phone, or a user name.
type login struct {
	phone string // "" for a user name
	key   string // of the user name
}

func parseLogin(typed string) (l login, err error) {
	if strings.ContainsFunc(typed, unicode.IsLetter) {
		_, l.key, err = ParseUserName(typed)
		return l, err
	}
	l.phone, err = ParsePhone(norm.NFKC.String(typed))
	return l, err
}

// account finds the person who is named; nil if there is none.
func (l login) account(r Reader) (*Account, error) {
	if l.phone != "" {
		return r.AccountOfPhone(l.phone)
	}
	return r.AccountOfName(l.key)
}
