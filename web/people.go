package web

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/certhall/certhall/hall/accounts"
)

type (
	codeInput struct {
		OnceInput
		Body struct {
			Name string `json:"name" maxLength:"64" doc:"phone or user name"`
		}
	}
	codeOutput struct {
		SetCookie string `header:"Set-Cookie"`
		Body      accounts.CodeSent
	}
	loginInput  struct{ Body accounts.Login }
	loginOutput struct {
		SetCookie string `header:"Set-Cookie"`
		Body      accounts.Me
	}
	loginNonceOutput struct{ Body accounts.LoginNonce }
	logoutOutput     struct {
		SetCookie string `header:"Set-Cookie"`
	}
	meOutput      struct{ Body accounts.Me }
	passwordInput struct {
		OnceInput
		Body struct {
			Old string `json:"old,omitempty" maxLength:"512" doc:"needed if there is one, unless the phone was proved in the last ten minutes"`
			New string `json:"new" maxLength:"512"`
		}
	}
	userNameInput struct {
		Body struct {
			UserName string `json:"user_name" maxLength:"64"`
		}
	}
)

func (r routes) registerPeople(api huma.API) {
	post := func(id, path, summary string, status int, codes ...int) huma.Operation {
		return huma.Operation{
			OperationID: id, Method: http.MethodPost, Path: path, Summary: summary, DefaultStatus: status,
			MaxBodyBytes: smallBody, BodyReadTimeout: readTime, Errors: append(codes, 403, 422, 500, 503),
		}
	}
	mine := func(op huma.Operation) huma.Operation {
		op.Security = []map[string][]string{{"session": {}}}
		return op
	}
	huma.Register(api, post("send-login-code", "/api/login/code", "Have a code sent to log in", 200, 409, 429), r.sendLoginCode)
	huma.Register(api, post("begin-key-login", "/api/login/nonce", "Get the one-time value that a key signs to log in", 200), r.loginNonce)
	huma.Register(api, post("login", "/api/login", "Log in by password, or by code, or by first password and code", 200, 409, 429), r.login)
	huma.Register(api, mine(post("logout", "/api/logout", "Log out", 204)), r.logout)
	huma.Register(api, mine(get("me", "/api/me", "Who has logged in", 401)), r.me)
	huma.Register(api, mine(post("set-password", "/api/me/password", "Set a password of one's own; other log-ins end", 200, 401, 409, 429)), r.setPassword)
	huma.Register(api, mine(post("set-user-name", "/api/me/name", "Choose a user name", 200, 401, 409, 429)), r.setUserName)
}

// sendLoginCode gives the browser a session if it has none: the code is bound
// to it.
func (r routes) sendLoginCode(ctx context.Context, in *codeInput) (*codeOutput, error) {
	at, out := requestOf(ctx), new(codeOutput)
	session := at.session
	if session == "" {
		token, fresh, err := accounts.NewToken(r.Random)
		if err != nil {
			return nil, r.problem(ctx, err)
		}
		session, out.SetCookie = fresh, sessionCookie(ctx, token)
	}
	sent, err := once(ctx, r, in.OnceInput, "send-login-code", in.Body, func() (accounts.CodeSent, error) {
		return r.People.SendLoginCode(ctx, session, in.Body.Name, at.address)
	})
	if err != nil {
		return nil, r.problem(ctx, err)
	}
	out.Body = sent
	return out, nil
}

func (r routes) loginNonce(ctx context.Context, _ *struct{}) (*loginNonceOutput, error) {
	n, err := r.People.LoginNonce(ctx)
	if err != nil {
		return nil, r.problem(ctx, err)
	}
	return &loginNonceOutput{n}, nil
}

func (r routes) login(ctx context.Context, in *loginInput) (*loginOutput, error) {
	at := requestOf(ctx)
	in.Body.Session, in.Body.Address = at.session, at.address
	token, me, err := r.People.Login(ctx, in.Body)
	if err != nil {
		return nil, r.problem(ctx, err)
	}
	return &loginOutput{sessionCookie(ctx, token), me}, nil
}

// logout answers the same whether or not there was a log-in.
func (r routes) logout(ctx context.Context, _ *struct{}) (*logoutOutput, error) {
	if s := requestOf(ctx).session; s != "" {
		if err := r.People.Logout(ctx, s); err != nil {
			return nil, r.problem(ctx, err)
		}
	}
	return &logoutOutput{sessionCookie(ctx, "")}, nil
}

func (r routes) me(ctx context.Context, _ *struct{}) (*meOutput, error) {
	return r.aboutMe(ctx, r.People.Me)
}

func (r routes) setPassword(ctx context.Context, in *passwordInput) (*meOutput, error) {
	return r.aboutMe(ctx, func(ctx context.Context, v accounts.Visit) (accounts.Me, error) {
		return once(ctx, r, in.OnceInput, "set-password", in.Body, func() (accounts.Me, error) {
			return r.People.SetPassword(ctx, v, in.Body.Old, in.Body.New)
		})
	})
}

func (r routes) setUserName(ctx context.Context, in *userNameInput) (*meOutput, error) {
	return r.aboutMe(ctx, func(ctx context.Context, v accounts.Visit) (accounts.Me, error) {
		return r.People.SetUserName(ctx, v, in.Body.UserName)
	})
}

// aboutMe calls what only a person who has logged in may call.
func (r routes) aboutMe(ctx context.Context, call func(context.Context, accounts.Visit) (accounts.Me, error)) (*meOutput, error) {
	visit, err := who(ctx)
	if err != nil {
		return nil, r.problem(ctx, err)
	}
	me, err := call(ctx, visit)
	if err != nil {
		return nil, r.problem(ctx, err)
	}
	return &meOutput{me}, nil
}
