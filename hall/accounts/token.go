package accounts

import (
	"encoding/base64"
	"encoding/hex"
	"io"

	"github.com/certhall/certhall/gm"
)

// NewToken draws a token and gives the session it opens. Only the session, a
// digest, is stored.
func NewToken(random io.Reader) (token string, s Session, err error) {
	var b [32]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return "", "", err
	}
	token = base64.RawURLEncoding.EncodeToString(b[:])
	return token, SessionOf(token), nil
}

// SessionOf is the session a token opens, if it is anyone's.
func SessionOf(token string) Session {
	return Session(hex.EncodeToString(gm.SM3([]byte("certhall/token/1\x00"), []byte(token))))
}
