package web

import (
	"context"
	"net/http"
	"regexp"
	"strings"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/accounts"
	"github.com/certhall/certhall/hall/favourites"
	"github.com/certhall/certhall/hall/organisations"
	"github.com/certhall/certhall/hall/unlocks"
	"github.com/certhall/certhall/hall/work"
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

	Challenge(ctx context.Context) (work.Challenge, error)
	SendLoginCode(ctx context.Context, s accounts.Session, name, address, work string) (accounts.CodeSent, error)
	LoginNonce(ctx context.Context) (accounts.LoginNonce, error)
	Login(ctx context.Context, in accounts.Login) (token string, me accounts.Me, err error)
	Logout(ctx context.Context, s accounts.Session) error

	SendLostPhoneCode(ctx context.Context, s accounts.Session, phone, address, work string) (accounts.CodeSent, error)
	LostPhoneNonce(ctx context.Context, phone string) (accounts.LoginNonce, error)
	RecoverPhone(ctx context.Context, in accounts.LostPhone) (token string, me accounts.Me, err error)

	Me(ctx context.Context, v accounts.Visit) (accounts.Me, error)
	SetPassword(ctx context.Context, v accounts.Visit, old, password string) (accounts.Me, error)
	SetUserName(ctx context.Context, v accounts.Visit, name string) (accounts.Me, error)
	SetRealName(ctx context.Context, v accounts.Visit, name string) (accounts.Me, error)
	SendMyCode(ctx context.Context, v accounts.Visit, address string) (accounts.CodeSent, error)
	MyNonce(ctx context.Context, v accounts.Visit) (accounts.LoginNonce, error)
	ShowMyself(ctx context.Context, v accounts.Visit, code string, signed []byte) error
	SendNewPhoneCode(ctx context.Context, v accounts.Visit, phone, address string) (accounts.CodeSent, error)
	SetNewPhone(ctx context.Context, v accounts.Visit, phone, code string) (accounts.Me, error)
	SendMailCode(ctx context.Context, v accounts.Visit, mail, address string) (accounts.CodeSent, error)
	SetMail(ctx context.Context, v accounts.Visit, mail, code string) (accounts.Me, error)
	RemoveMail(ctx context.Context, v accounts.Visit) (accounts.Me, error)
	Logins(ctx context.Context, v accounts.Visit, before string) (accounts.History, error)
	Visits(ctx context.Context, v accounts.Visit) (accounts.Visits, error)
	EndVisit(ctx context.Context, v accounts.Visit, id string) (accounts.Visits, error)
	EndOtherVisits(ctx context.Context, v accounts.Visit) (accounts.Visits, error)
}

// Organisations is the desk of organisations: hall/organisations' Desk.
type Organisations interface {
	Members(ctx context.Context, v accounts.Visit, code string) (organisations.Members, error)
	Invite(ctx context.Context, v accounts.Visit, code, phone string, role accounts.Role) (organisations.Members, error)
	SetRole(ctx context.Context, v accounts.Visit, code, person string, role accounts.Role, really bool) (organisations.Members, error)
	Remove(ctx context.Context, v accounts.Visit, code, id string, really bool) (organisations.Members, error)
	SetPhone(ctx context.Context, v accounts.Visit, code, person, phone string) (organisations.Members, error)
	Handlers(ctx context.Context, v accounts.Visit, code string, serial certhall.Serial) (organisations.Handlers, error)
	Handled(ctx context.Context, v accounts.Visit, code, person string) (organisations.Handled, error)
	AddHandler(ctx context.Context, v accounts.Visit, code string, serial certhall.Serial, person string) (organisations.Handlers, error)
	RemoveHandler(ctx context.Context, v accounts.Visit, code string, serial certhall.Serial, person string) (organisations.Handlers, error)
}

// Favourites is what people keep at hand: hall/favourites' Shelf.
type Favourites interface {
	List(ctx context.Context, v accounts.Visit) (favourites.List, error)
	Add(ctx context.Context, v accounts.Visit, w favourites.Wanted) (favourites.List, error)
	Remove(ctx context.Context, v accounts.Visit, id string) (favourites.List, error)
}

// Unlocks is where locked keys are unlocked: hall/unlocks' Desk.
type Unlocks interface {
	Mine(ctx context.Context, v accounts.Visit) (unlocks.UnlockList, error)
	Ask(ctx context.Context, v accounts.Visit, a unlocks.Asked) (unlocks.UnlockView, error)
	Look(ctx context.Context, v accounts.Visit, id string) (unlocks.UnlockView, error)
	Withdraw(ctx context.Context, v accounts.Visit, id string) (unlocks.UnlockView, error)
	Report(ctx context.Context, v accounts.Visit, id string, report []byte) (unlocks.UnlockView, error)
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

// longestAgent is how much of a browser's word about itself is looked at.
const longestAgent = 512

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
	at.secure, at.agent = e.secured(r), r.UserAgent()[:min(len(r.UserAgent()), longestAgent)]
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
