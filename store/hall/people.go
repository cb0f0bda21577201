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
	var made, last, phone int64
	found, err := r.one(`SELECT id, phone, user_name, password, made_at, last_login_at, real_name, mail, phone_at, phone_unproved FROM persons `+where,
		[]any{arg}, &a.ID, &a.Phone, &a.UserName, &a.Password, &made, &last, &a.RealName, &a.Mail, &phone, &a.PhoneUnproved)
	if err != nil || !found {
		return nil, err
	}
	a.MadeAt, a.LastLogin, a.PhoneAt = at(made), at(last), at(phone)
	return &a, nil
}

func (r *rows) LineagesOf(person string) ([]certhall.LineageID, error) {
	var found []certhall.LineageID
	err := r.each(func(scan func(...any) error) error {
		var l certhall.LineageID
		err := scan(&l)
		found = append(found, l)
		return err
	}, `SELECT lineage FROM `+held+` WHERE person = $1 ORDER BY lineage`, person)
	return found, err
}

func (r *rows) BroughtName(person string) (name string, err error) {
	_, err = r.one(`SELECT name FROM handlers WHERE person = $1 AND name <> '' ORDER BY made_at DESC, lineage LIMIT 1`, []any{person}, &name)
	return name, err
}

func (r *rows) SetRealName(person, name string) error {
	return r.run(`UPDATE persons SET real_name = $1 WHERE id = $2`, name, person)
}

func (r *rows) SetMail(person, mail string) error {
	return r.run(`UPDATE persons SET mail = $1 WHERE id = $2`, mail, person)
}

func (r *rows) SetPhone(person, phone string, now time.Time, unproved bool) error {
	return r.run(`UPDATE persons SET phone = $1, phone_at = $2, phone_unproved = $3 WHERE id = $4`, phone, ms(now), unproved, person)
}

func (r *rows) ProvePhone(person string) error {
	return r.run(`UPDATE persons SET phone_unproved = FALSE WHERE id = $1 AND phone_unproved`, person)
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

func (r *rows) AddLogin(l accounts.LoginLine) error {
	return r.run(`INSERT INTO logins (id, person, at, way, refused, address, browser, system) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		l.ID, l.Person, ms(l.At), l.Way, l.Refused, l.Address, l.Browser, l.System)
}

func (r *rows) Logins(person string, before accounts.LoginLine, limit int) ([]accounts.LoginLine, error) {
	var found []accounts.LoginLine
	err := r.each(func(scan func(...any) error) error {
		l := accounts.LoginLine{Person: person}
		var when int64
		err := scan(&l.ID, &when, &l.Way, &l.Refused, &l.Address, &l.Browser, &l.System)
		l.At = at(when)
		found = append(found, l)
		return err
	}, `SELECT id, at, way, refused, address, browser, system FROM logins WHERE person = $1 AND (at < $2 OR at = $3 AND id < $4) ORDER BY at DESC, id DESC LIMIT $5`,
		person, ms(before.At), ms(before.At), before.ID, limit)
	return found, err
}

func (r *rows) ForgetLogins(before time.Time) error {
	return r.run(`DELETE FROM logins WHERE at < $1`, ms(before))
}
