package accounts

import "time"

// CodeSent is the answer to whoever asked for a code, whether or not there is
// a phone that it went to.
type CodeSent struct {
	ResendAfter int `json:"resend_after_s"`
	Minutes     int `json:"minutes" doc:"how long the code counts"`
	TriesLeft   int `json:"tries_left"`
}

// LoginNonce begins a log-in with a key.
type LoginNonce struct {
	Nonce     []byte    `json:"nonce"`
	Authority string    `json:"authority" doc:"id of the authority"`
	Origin    string    `json:"origin" doc:"what the key signs as the hall's origin"`
	ExpiresAt time.Time `json:"expires_at"`
}

// Login is what a person gives to log in.
type Login struct {
	Name     string `json:"name" maxLength:"64" doc:"phone or user name"`
	Password string `json:"password,omitempty" maxLength:"512"`
	Code     string `json:"code,omitempty" maxLength:"32"`
	Signed   []byte `json:"signed,omitempty" maxLength:"16384" doc:"proof.Signed over proof.Login, DER: where login-idle asks for a key"`

	Session Session `json:"-"` // of the browser; "" without one
	Address string  `json:"-"` // network address the request came from
	Agent   string  `json:"-"` // the browser's User-Agent
}
