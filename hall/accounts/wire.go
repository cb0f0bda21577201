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
}

// Me is what a person sees of himself.
type Me struct {
	UserName        string    `json:"user_name"`
	Phone           string    `json:"phone" doc:"masked"`
	HasPassword     bool      `json:"has_password" doc:"one of his own"`
	MustSetPassword bool      `json:"must_set_password" doc:"came with the first password: may do nothing but set one"`
	RegisteredAt    time.Time `json:"registered_at"`
	SessionEndsAt   time.Time `json:"session_ends_at" doc:"if no further request comes"`
}

func meOf(a Account, v Visit) Me {
	return Me{
		UserName: a.UserName, Phone: Mask(a.Phone), HasPassword: a.Password != "", MustSetPassword: v.MustSetPassword,
		RegisteredAt: a.MadeAt, SessionEndsAt: v.EndsAt(),
	}
}
