package web

import (
	"context"

	"github.com/danielgtaylor/huma/v2"

	"github.com/certhall/certhall/hall/accounts"
)

type (
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
	realNameInput struct {
		Body struct {
			RealName string `json:"real_name" maxLength:"128" doc:"empty: as it was imported"`
		}
	}
	sentOutput struct{ Body accounts.CodeSent }
	showInput  struct {
		Body struct {
			Code   string `json:"code,omitempty" maxLength:"32" doc:"that was sent to the present phone"`
			Signed []byte `json:"signed,omitempty" maxLength:"16384" doc:"or proof.Signed over proof.Login, DER, by a key of one of his certificates"`
		}
	}
	phoneInput struct {
		OnceInput
		Body struct {
			Phone string `json:"phone" maxLength:"32" doc:"the new one"`
		}
	}
	newPhoneInput struct {
		OnceInput
		Body struct {
			Phone string `json:"phone" maxLength:"32" doc:"the new one"`
			Code  string `json:"code" maxLength:"32" doc:"that was sent there"`
		}
	}
	mailInput struct {
		OnceInput
		Body struct {
			Mail string `json:"mail" maxLength:"254"`
		}
	}
	newMailInput struct {
		OnceInput
		Body struct {
			Mail string `json:"mail" maxLength:"254"`
			Code string `json:"code" maxLength:"32" doc:"that was sent there"`
		}
	}
	loginsInput struct {
		Before string `query:"before" maxLength:"80" doc:"what the page before answered"`
	}
	historyOutput struct{ Body accounts.History }
	visitsOutput  struct{ Body accounts.Visits }
	visitInput    struct {
		Visit string `path:"visit" maxLength:"64"`
	}
)

// registerMe registers what a person sees and changes of himself (会员中心).
func (r routes) registerMe(api huma.API) {
	huma.Register(api, mine(get("me", "/api/me", "Who has logged in", 401)), r.me)
	huma.Register(api, mine(post("set-password", "/api/me/password", "Set a password of one's own; other log-ins end", 200, 401, 409, 429)), r.setPassword)
	huma.Register(api, mine(post("set-user-name", "/api/me/name", "Choose a user name", 200, 401, 409, 429)), r.setUserName)
	huma.Register(api, mine(post("set-real-name", "/api/me/real-name", "Write one's real name", 200, 401)), r.setRealName)

	huma.Register(api, mine(post("send-my-code", "/api/me/proof/code", "Have a code sent to the present phone, to show that it is oneself", 200, 401, 409, 429)), r.sendMyCode)
	huma.Register(api, mine(post("begin-my-proof", "/api/me/proof/nonce", "Get the one-time value that a key signs to show that it is oneself", 200, 401)), r.myNonce)
	huma.Register(api, mine(post("show-myself", "/api/me/proof", "Show that it is oneself, by code or by key: counts ten minutes for a new phone and for a new password", 204, 401, 409, 429)), r.showMyself)

	huma.Register(api, mine(post("send-new-phone-code", "/api/me/phone/code", "Have a code sent to a new phone; show-yourself unless one has just done so", 200, 401, 409, 429)), r.sendNewPhoneCode)
	huma.Register(api, mine(post("set-new-phone", "/api/me/phone", "Take a new phone; other log-ins end, the old number is told", 200, 401, 409, 429)), r.setNewPhone)
	huma.Register(api, mine(post("send-mail-code", "/api/me/mail/code", "Have a code sent to a mail address", 200, 401, 409, 429)), r.sendMailCode)
	huma.Register(api, mine(post("set-mail", "/api/me/mail", "Take a mail address", 200, 401, 409, 429)), r.setMail)
	huma.Register(api, mine(post("remove-mail", "/api/me/mail/remove", "Have no mail address", 200, 401)), r.removeMail)

	huma.Register(api, mine(get("logins", "/api/me/logins", "One's log-ins of the last 180 days, with those that were refused", 401)), r.logins)
	huma.Register(api, mine(get("visits", "/api/me/visits", "Where one has logged in", 401)), r.visits)
	huma.Register(api, mine(post("end-visit", "/api/me/visits/{visit}/end", "End one of one's log-ins", 200, 401, 404)), r.endVisit)
	huma.Register(api, mine(post("end-other-visits", "/api/me/visits/end-others", "End all of one's log-ins but this", 200, 401)), r.endOtherVisits)
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

func (r routes) setRealName(ctx context.Context, in *realNameInput) (*meOutput, error) {
	return r.aboutMe(ctx, func(ctx context.Context, v accounts.Visit) (accounts.Me, error) {
		return r.People.SetRealName(ctx, v, in.Body.RealName)
	})
}

// asMe calls what only a person who has logged in may call.
func asMe[T any](ctx context.Context, r routes, call func(v accounts.Visit) (T, error)) (answer T, err error) {
	v, err := who(ctx)
	if err == nil {
		answer, err = call(v)
	}
	if err != nil {
		return answer, r.problem(ctx, err)
	}
	return answer, nil
}

// aboutMe answers what a person sees of himself after a call.
func (r routes) aboutMe(ctx context.Context, call func(context.Context, accounts.Visit) (accounts.Me, error)) (*meOutput, error) {
	me, err := asMe(ctx, r, func(v accounts.Visit) (accounts.Me, error) { return call(ctx, v) })
	return &meOutput{me}, err
}

// sendToMe has a code sent for a person who has logged in.
func (r routes) sendToMe(ctx context.Context, key OnceInput, operation string, input any, send func(v accounts.Visit, address string) (accounts.CodeSent, error)) (*sentOutput, error) {
	sent, err := asMe(ctx, r, func(v accounts.Visit) (accounts.CodeSent, error) {
		return once(ctx, r, key, operation, input, func() (accounts.CodeSent, error) { return send(v, requestOf(ctx).address) })
	})
	return &sentOutput{sent}, err
}

func (r routes) sendMyCode(ctx context.Context, in *OnceInput) (*sentOutput, error) {
	return r.sendToMe(ctx, *in, "send-my-code", nil, func(v accounts.Visit, address string) (accounts.CodeSent, error) {
		return r.People.SendMyCode(ctx, v, address)
	})
}

func (r routes) myNonce(ctx context.Context, _ *struct{}) (*loginNonceOutput, error) {
	n, err := asMe(ctx, r, func(v accounts.Visit) (accounts.LoginNonce, error) { return r.People.MyNonce(ctx, v) })
	return &loginNonceOutput{n}, err
}

func (r routes) showMyself(ctx context.Context, in *showInput) (*struct{}, error) {
	_, err := asMe(ctx, r, func(v accounts.Visit) (struct{}, error) {
		if (in.Body.Code == "") == (len(in.Body.Signed) == 0) {
			return struct{}{}, ErrInput
		}
		return struct{}{}, r.People.ShowMyself(ctx, v, in.Body.Code, in.Body.Signed)
	})
	return nil, err
}

func (r routes) sendNewPhoneCode(ctx context.Context, in *phoneInput) (*sentOutput, error) {
	return r.sendToMe(ctx, in.OnceInput, "send-new-phone-code", in.Body, func(v accounts.Visit, address string) (accounts.CodeSent, error) {
		return r.People.SendNewPhoneCode(ctx, v, in.Body.Phone, address)
	})
}

func (r routes) setNewPhone(ctx context.Context, in *newPhoneInput) (*meOutput, error) {
	return r.aboutMe(ctx, func(ctx context.Context, v accounts.Visit) (accounts.Me, error) {
		return once(ctx, r, in.OnceInput, "set-new-phone", in.Body, func() (accounts.Me, error) {
			return r.People.SetNewPhone(ctx, v, in.Body.Phone, in.Body.Code)
		})
	})
}

func (r routes) sendMailCode(ctx context.Context, in *mailInput) (*sentOutput, error) {
	return r.sendToMe(ctx, in.OnceInput, "send-mail-code", in.Body, func(v accounts.Visit, address string) (accounts.CodeSent, error) {
		return r.People.SendMailCode(ctx, v, in.Body.Mail, address)
	})
}

func (r routes) setMail(ctx context.Context, in *newMailInput) (*meOutput, error) {
	return r.aboutMe(ctx, func(ctx context.Context, v accounts.Visit) (accounts.Me, error) {
		return once(ctx, r, in.OnceInput, "set-mail", in.Body, func() (accounts.Me, error) {
			return r.People.SetMail(ctx, v, in.Body.Mail, in.Body.Code)
		})
	})
}

func (r routes) removeMail(ctx context.Context, _ *struct{}) (*meOutput, error) {
	return r.aboutMe(ctx, r.People.RemoveMail)
}

func (r routes) logins(ctx context.Context, in *loginsInput) (*historyOutput, error) {
	h, err := asMe(ctx, r, func(v accounts.Visit) (accounts.History, error) { return r.People.Logins(ctx, v, in.Before) })
	return &historyOutput{h}, err
}

func (r routes) visits(ctx context.Context, _ *struct{}) (*visitsOutput, error) {
	all, err := asMe(ctx, r, func(v accounts.Visit) (accounts.Visits, error) { return r.People.Visits(ctx, v) })
	return &visitsOutput{all}, err
}

func (r routes) endVisit(ctx context.Context, in *visitInput) (*visitsOutput, error) {
	all, err := asMe(ctx, r, func(v accounts.Visit) (accounts.Visits, error) { return r.People.EndVisit(ctx, v, in.Visit) })
	return &visitsOutput{all}, err
}

func (r routes) endOtherVisits(ctx context.Context, _ *struct{}) (*visitsOutput, error) {
	all, err := asMe(ctx, r, func(v accounts.Visit) (accounts.Visits, error) { return r.People.EndOtherVisits(ctx, v) })
	return &visitsOutput{all}, err
}
