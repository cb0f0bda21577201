package accounts

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/alexedwards/argon2id"
	"golang.org/x/text/unicode/norm"

	"github.com/certhall/certhall"
)

// Length of a password, in characters.
const (
	passwordShortest = 8
	passwordLongest  = 128
	firstLength      = 6 // of the first password: the last digits of the phone
)

// What a new password may be refused for.
var (
	ErrPasswordLength    = certhall.NewError("password-length", certhall.Invalid)    // shortest, longest
	ErrPasswordGuessable = certhall.NewError("password-guessable", certhall.Invalid) // phone, one character, or a row of them
)

// fullCost of one comparison: what OWASP names for Argon2id.
var fullCost = argon2id.Params{Memory: 19 << 10, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}

// nobodys is compared with where there is no password, which then takes as
// long as where there is one. What it is made of was thrown away.
func nobodys(cost argon2id.Params) string {
	return fmt.Sprintf("$argon2id$v=19$m=%d,t=%d,p=%d$Zxvsw9HaJ9bJKFwfEuBzqQ$YyiJWdtjrr5u0Ona/lv6surzaRc9NNyV/PEjdz3VsjY",
		cost.Memory, cost.Iterations, cost.Parallelism)
}

// hashesAtOnce bounds what comparisons take of memory and processors.
const hashesAtOnce = 2

// newPassword is a password as it is hashed, if the person may have it.
func newPassword(typed string, a Account) (string, error) {
	password := norm.NFC.String(typed)
	n := utf8.RuneCountInString(password)
	if n < passwordShortest || n > passwordLongest || !utf8.ValidString(password) {
		return "", ErrPasswordLength.With("shortest", strconv.Itoa(passwordShortest)).With("longest", strconv.Itoa(passwordLongest))
	}
	plain := strings.ToLower(norm.NFKC.String(password)) // in other forms it is as easily guessed
	first, _ := utf8.DecodeRuneInString(plain)
	phone, _ := ParsePhone(plain)
	if phone == a.Phone || strings.HasSuffix(a.Phone, plain) || strings.Trim(plain, string(first)) == "" || inARow(plain) {
		return "", ErrPasswordGuessable
	}
	return password, nil
}

// rows are what people's fingers run along.
var rows = []string{"01234567890", "09876543210", "abcdefghijklmnopqrstuvwxyz", "qwertyuiop", "asdfghjkl"}

func inARow(password string) bool {
	return slices.ContainsFunc(rows, func(row string) bool { return strings.Contains(row, password) })
}

// isFirst tells whether a password has the form of the first one (首次密码),
// which no password of one's own has.
func isFirst(password string) bool {
	return len(password) == firstLength && strings.Trim(password, "0123456789") == ""
}

func (d *Desk) hash(ctx context.Context, password string) (string, error) {
	end, err := d.mayHash(ctx)
	if err != nil {
		return "", err
	}
	defer end()
	return argon2id.CreateHash(password, &d.cost)
}

// isPassword compares with a hash; an empty one fits nothing, as slowly.
func (d *Desk) isPassword(ctx context.Context, typed, hash string) (bool, error) {
	end, err := d.mayHash(ctx)
	if err != nil {
		return false, err
	}
	defer end()
	fits, err := argon2id.ComparePasswordAndHash(norm.NFC.String(typed), cmp.Or(hash, nobodys(d.cost)))
	return fits && hash != "", err
}

// mayHash waits for one of the few places.
func (d *Desk) mayHash(ctx context.Context) (end func(), err error) {
	select {
	case d.hashing <- struct{}{}:
		return func() { <-d.hashing }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
