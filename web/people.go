package web

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/certhall/certhall/hall/accounts"
	"github.com/certhall/certhall/hall/work"
)

type (
	codeInput struct {
		OnceInput
		Body struct {
			Name string `json:"name" maxLength:"64" doc:"phone or user name"`
			Work string `json:"work,omitempty" maxLength:"1024" doc:"solution of GET /api/proof-of-work: ALTCHA's payload, JSON in base64. Needed (work-needed) by a session that has neither a log-in nor a proof of this phone"`
		}
	}
	lostCodeInput struct {
		OnceInput
		Body struct {
			Phone string `json:"phone" maxLength:"32" doc:"the new one"`
			Work  string `json:"work,omitempty" maxLength:"1024" doc:"as to have a code sent to log in"`
		}
	}
	lostNonceInput struct {
		Body struct {
			Phone string `json:"phone" maxLength:"32" doc:"the new one: the signature counts for it alone"`
		}
	}
	lostInput  struct{ Body accounts.LostPhone }
	workOutput struct{ Body work.Challenge }
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
)

func (r routes) registerPeople(api huma.API) {
	huma.Register(api, post("send-login-code", "/api/login/code", "Have a code sent to log in", 200, 409, 429), r.sendLoginCode)
	huma.Register(api, post("begin-key-login", "/api/login/nonce", "Get the one-time value that a key signs to log in", 200), r.loginNonce)
	huma.Register(api, post("login", "/api/login", "Log in by password, or by code, or by first password and code", 200, 409, 429), r.login)
	huma.Register(api, mine(post("logout", "/api/logout", "Log out", 204)), r.logout)
	huma.Register(api, get("proof-of-work", "/api/proof-of-work", "Get the work that a stranger does before a message is sent for him"), r.work)
	huma.Register(api, post("send-lost-phone-code", "/api/lost-phone/code", "Have a code sent to a new phone, without a log-in", 200, 409, 429), r.sendLostPhoneCode)
	huma.Register(api, post("begin-lost-phone", "/api/lost-phone/nonce", "Get the one-time value that a key signs for a new phone", 200), r.lostPhoneNonce)
	huma.Register(api, post("recover-phone", "/api/lost-phone", "Give an account a new phone by a key of its owner's, and log in", 200, 409, 429), r.recoverPhone)
}

// post describes an operation that changes something.
func post(id, path, summary string, status int, codes ...int) huma.Operation {
	return huma.Operation{
		OperationID: id, Method: http.MethodPost, Path: path, Summary: summary, DefaultStatus: status,
		MaxBodyBytes: smallBody, BodyReadTimeout: readTime, Errors: append(codes, 403, 422, 500, 503),
	}
}

// mine marks what only a person who has logged in may call.
func mine(op huma.Operation) huma.Operation {
	op.Security = []map[string][]string{{"session": {}}}
	return op
}

func (r routes) work(ctx context.Context, _ *struct{}) (*workOutput, error) {
	c, err := r.People.Challenge(ctx)
	if err != nil {
		return nil, r.problem(ctx, err)
	}
	return &workOutput{c}, nil
}

func (r routes) sendLoginCode(ctx context.Context, in *codeInput) (*codeOutput, error) {
	return r.sendToVisitor(ctx, in.OnceInput, "send-login-code", in.Body, func(s accounts.Session, address string) (accounts.CodeSent, error) {
		return r.People.SendLoginCode(ctx, s, in.Body.Name, address, in.Body.Work)
	})
}

func (r routes) sendLostPhoneCode(ctx context.Context, in *lostCodeInput) (*codeOutput, error) {
	return r.sendToVisitor(ctx, in.OnceInput, "send-lost-phone-code", in.Body, func(s accounts.Session, address string) (accounts.CodeSent, error) {
		return r.People.SendLostPhoneCode(ctx, s, in.Body.Phone, address, in.Body.Work)
	})
}

// sendToVisitor has a code sent to somebody who has not logged in. The browser
// gets a session if it has none: the code is bound to it.
func (r routes) sendToVisitor(ctx context.Context, key OnceInput, operation string, input any, send func(accounts.Session, string) (accounts.CodeSent, error)) (*codeOutput, error) {
	at, out := requestOf(ctx), new(codeOutput)
	session := at.session
	if session == "" {
		token, fresh, err := accounts.NewToken(r.Random)
		if err != nil {
			return nil, r.problem(ctx, err)
		}
		session, out.SetCookie = fresh, sessionCookie(ctx, token)
	}
	sent, err := once(ctx, r, key, operation, input, func() (accounts.CodeSent, error) { return send(session, at.address) })
	if err != nil {
		return nil, r.problem(ctx, err)
	}
	out.Body = sent
	return out, nil
}

func (r routes) lostPhoneNonce(ctx context.Context, in *lostNonceInput) (*loginNonceOutput, error) {
	n, err := r.People.LostPhoneNonce(ctx, in.Body.Phone)
	if err != nil {
		return nil, r.problem(ctx, err)
	}
	return &loginNonceOutput{n}, nil
}

func (r routes) recoverPhone(ctx context.Context, in *lostInput) (*loginOutput, error) {
	at := requestOf(ctx)
	in.Body.Session, in.Body.Address, in.Body.Agent = at.session, at.address, at.agent
	token, me, err := r.People.RecoverPhone(ctx, in.Body)
	if err != nil {
		return nil, r.problem(ctx, err)
	}
	return &loginOutput{sessionCookie(ctx, token), me}, nil
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
	in.Body.Session, in.Body.Address, in.Body.Agent = at.session, at.address, at.agent
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
