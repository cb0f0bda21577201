package accounts

import (
	"context"

	"github.com/alexedwards/argon2id"
)

// Costs are what a comparison costs where there is no password, and where there
// is one.
func (d *Desk) Costs(ctx context.Context) (nobody, somebody argon2id.Params, err error) {
	hash, err := d.hash(ctx, "any of one's own")
	if err != nil {
		return nobody, somebody, err
	}
	n, _, _, err := argon2id.DecodeHash(nobodys(d.cost))
	if err != nil {
		return nobody, somebody, err
	}
	s, _, _, err := argon2id.DecodeHash(hash)
	if err != nil {
		return nobody, somebody, err
	}
	return *n, *s, nil
}

// Occupy takes every place for comparisons.
func (d *Desk) Occupy() (release func()) {
	for range hashesAtOnce {
		d.hashing <- struct{}{}
	}
	return func() {
		for range hashesAtOnce {
			<-d.hashing
		}
	}
}

// CheckNewPassword tells whether the person with a phone may have a password.
func CheckNewPassword(typed, phone string) error {
	_, err := newPassword(typed, Account{Person: Person{Phone: phone}})
	return err
}

// IsPassword compares one with a hash.
func (d *Desk) IsPassword(ctx context.Context, typed, hash string) (bool, error) {
	return d.isPassword(ctx, typed, hash)
}
