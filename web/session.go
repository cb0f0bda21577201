package web

import (
	"context"
	"net/http"
	"regexp"
	"strings"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/accounts"
)

// What people are told who have not logged in, or not by themselves.
var (
	ErrCrossSite      = certhall.NewError("cross-site", certhall.Denied)
	ErrPasswordNeeded = certhall.NewError("password-needed", certhall.Denied)
)

// People is the desk of accounts: hall/accounts' Desk.
type People interface {
	// Visit finds the log-in that a session is; the zero Visit if there is none.
	Visit(ctx context.Context, s accounts.Session) (accounts.Visit, error)
	SendLoginCode(ctx context.Context, s accounts.Session, name, address string) (accounts.CodeSent, error)
	LoginNonce(ctx context.Context) (accounts.LoginNonce, error)
	Login(ctx context.Context, in accounts.Login) (token string, me accounts.Me, err error)
	Logout(ctx context.Context, s accounts.Session) error
	Me(ctx context.Context, v accounts.Visit) (accounts.Me, error)
	SetPassword(ctx context.Context, v accounts.Visit, old, password string) (accounts.Me, error)
	SetUserName(ctx context.Context, v accounts.Visit, name string) (accounts.Me, error)
}

// who is the log-in of whoever sent the request; without one, login-needed.
func who(ctx context.Context) (accounts.Visit, error) {
	if v := requestOf(ctx).visit; v.Person != "" {
		return v, nil
	}
	return accounts.Visit{}, accounts.ErrLoginNeeded
}

// token is what a session's cookie holds: accounts.NewToken's form.
var token = regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`)

// cookieName keeps pages of neighbouring hosts from setting the cookie: what
// begins with __Host- only this very host sets, and only over HTTPS.
func cookieName(secure bool) string {
	if secure {
		return "__Host-certhall_session"
	}
	return "certhall_session"
}

// sessionCookie holds a token until the browser is closed; without one it
// takes the cookie away.
func sessionCookie(ctx context.Context, token string) string {
	secure := requestOf(ctx).secure
	c := http.Cookie{Name: cookieName(secure), Value: token, Path: "/", Secure: secure, HttpOnly: true, SameSite: http.SameSiteStrictMode}
	if token == "" {
		c.MaxAge = -1
	}
	return c.String()
}

// free is what a person may do who has yet to choose a password, and what the
// page where he does it shows to everybody.
var free = map[string]bool{"GET /api/hall": true, "GET /api/me": true, "POST /api/me/password": true, "POST /api/logout": true}

// secured tells whether people reach this hall by HTTPS, perhaps at a proxy.
func (e edge) secured(r *http.Request) bool {
	return r.TLS != nil || strings.HasPrefix(e.Origin, "https://")
}

// enter looks at who sends a request before any handler sees it: pages of
// other sites may not change anything, and whoever came with the first
// password first chooses one of his own.
func (e edge) enter(r *http.Request, at *request) error {
	if e.cross.Check(r) != nil {
		return ErrCrossSite
	}
	at.secure = e.secured(r)
	cookie, err := r.Cookie(cookieName(at.secure))
	if err != nil || !token.MatchString(cookie.Value) || !strings.HasPrefix(r.URL.Path, "/api/") {
		return nil
	}
	at.session = accounts.SessionOf(cookie.Value)
	if at.visit, err = e.People.Visit(r.Context(), at.session); err != nil {
		return err
	}
	if at.visit.MustSetPassword && !free[r.Method+" "+r.URL.Path] {
		return ErrPasswordNeeded
	}
	return nil
}
