package hall

import (
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/accounts"
)

func (r *rows) Account(person string) (*accounts.Account, error) {
	return r.account(`WHERE id = $1`, person)
}

func (r *rows) LockAccount(person string) (*accounts.Account, error) {
	return r.account(`WHERE id = $1`+r.tx.ForUpdate(), person)
}

func (r *rows) AccountOfPhone(phone string) (*accounts.Account, error) {
	return r.account(`WHERE phone = $1`, phone)
}

func (r *rows) AccountOfName(key string) (*accounts.Account, error) {
	return r.account(`WHERE name_key = $1 AND name_key <> ''`, key)
}

func (r *rows) account(where string, arg any) (*accounts.Account, error) {
	var a accounts.Account
	var made, last int64
	found, err := r.one(`SELECT id, phone, user_name, password, made_at, last_login_at FROM persons `+where, []any{arg},
		&a.ID, &a.Phone, &a.UserName, &a.Password, &made, &last)
	if err != nil || !found {
		return nil, err
	}
	a.MadeAt, a.LastLogin = at(made), at(last)
	return &a, nil
}

func (r *rows) LineagesOf(person string) ([]certhall.LineageID, error) {
	var found []certhall.LineageID
	err := r.each(func(scan func(...any) error) error {
		var l certhall.LineageID
		err := scan(&l)
		found = append(found, l)
		return err
	}, `SELECT lineage FROM handlers WHERE person = $1 ORDER BY lineage`, person)
	return found, err
}

func (r *rows) SetPassword(person, hash string) error {
	return r.run(`UPDATE persons SET password = $1 WHERE id = $2`, hash, person)
}

// SetUserName asks first, under a lock: a broken rule of the schema would end
// the whole transaction.
func (r *rows) SetUserName(person, name, key string) (bool, error) {
	if err := r.tx.Lock("user name " + key); err != nil {
		return false, err
	}
	if holder, err := r.AccountOfName(key); err != nil || holder != nil && holder.ID != person {
		return false, err
	}
	return true, r.run(`UPDATE persons SET user_name = $1, name_key = $2 WHERE id = $3`, name, key, person)
}

func (r *rows) NoteLogin(person string, now time.Time) error {
	return r.run(`UPDATE persons SET last_login_at = $1 WHERE id = $2`, ms(now), person)
}
