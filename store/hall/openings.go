package hall

import (
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/accounts"
	"github.com/certhall/certhall/hall/services"
)

// SpendNonce also drops those that have expired.
func (r *rows) SpendNonce(nonce []byte, expires, now time.Time) (bool, error) {
	if err := r.run(`DELETE FROM nonces WHERE expires <= $1`, ms(now)); err != nil {
		return false, err
	}
	return r.swap(`INSERT INTO nonces (nonce, expires) VALUES ($1, $2) ON CONFLICT DO NOTHING`, nonce, ms(expires))
}

func (r *rows) NonceSpent(nonce []byte) (bool, error) {
	var expires int64
	return r.one(`SELECT expires FROM nonces WHERE nonce = $1`, []any{nonce}, &expires)
}

func (r *rows) SetToken(t services.Token) error {
	return r.run(`INSERT INTO tokens (session, case_id, expires) VALUES ($1, $2, $3)
		ON CONFLICT (case_id) DO UPDATE SET session = excluded.session, expires = excluded.expires`,
		string(t.Session), string(t.Case), ms(t.Expires))
}

func (r *rows) CarryProofs(from, to accounts.Session, now time.Time) error {
	return r.run(`INSERT INTO proofs (session, phone, until) SELECT $1, phone, until FROM proofs WHERE session = $2 AND until > $3`,
		string(to), string(from), ms(now))
}

func (r *rows) EndToken(id certhall.CaseID) error {
	return r.run(`DELETE FROM tokens WHERE case_id = $1`, string(id))
}

func (r *rows) Token(s accounts.Session) (*services.Token, error) {
	return r.token(`WHERE session = $1`, string(s))
}

func (r *rows) TokenOf(id certhall.CaseID) (*services.Token, error) {
	return r.token(`WHERE case_id = $1`, string(id))
}

func (r *rows) token(where, key string) (*services.Token, error) {
	var t services.Token
	var expires int64
	found, err := r.one(`SELECT session, case_id, expires FROM tokens `+where, []any{key}, &t.Session, &t.Case, &expires)
	if err != nil || !found {
		return nil, err
	}
	t.Expires = at(expires)
	return &t, nil
}
