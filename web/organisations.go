package web

import (
	"context"

	"github.com/danielgtaylor/huma/v2"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/accounts"
	"github.com/certhall/certhall/hall/organisations"
)

type (
	// OrganisationInput names an organisation. (Exported for huma.)
	OrganisationInput struct {
		Code string `path:"code" maxLength:"40" doc:"统一社会信用代码"`
	}
	// MemberInput names a member. (Exported for huma.)
	MemberInput struct {
		OrganisationInput
		Member string `path:"member" maxLength:"64" doc:"id"`
	}
	// HeldInput names a certificate of an organisation. (Exported for huma.)
	HeldInput struct {
		OrganisationInput
		Serial certhall.Serial `path:"serial" maxLength:"40" doc:"of the signing certificate"`
	}
	inviteInput struct {
		OrganisationInput
		Body struct {
			Phone string        `json:"phone" maxLength:"32"`
			Role  accounts.Role `json:"role" enum:"administrator,handler"`
		}
	}
	roleInput struct {
		MemberInput
		Body struct {
			Role   accounts.Role `json:"role" enum:"administrator,handler"`
			Really bool          `json:"really,omitempty" doc:"though nobody administers the organisation then (last-administrator)"`
		}
	}
	removeInput struct {
		MemberInput
		Body struct {
			Really bool `json:"really,omitempty" doc:"though nobody administers the organisation then (last-administrator)"`
		}
	}
	memberPhoneInput struct {
		MemberInput
		Body struct {
			Phone string `json:"phone" maxLength:"32" doc:"the new one: he proves it when he next logs in"`
		}
	}
	handlerInput struct {
		HeldInput
		Body struct {
			Member string `json:"member" maxLength:"64" doc:"id"`
		}
	}
	noHandlerInput struct {
		HeldInput
		Member string `path:"member" maxLength:"64" doc:"id"`
	}
	handledOutput  struct{ Body organisations.Handled }
	membersOutput  struct{ Body organisations.Members }
	handlersOutput struct{ Body organisations.Handlers }
)

// registerOrganisations registers what administrators do in their organisation:
// GET /api/me tells whoever is one. To everybody else it is not there.
func (r routes) registerOrganisations(api huma.API) {
	const members, held = "/api/organisations/{code}/members", "/api/organisations/{code}/certificates/{serial}/handlers"
	huma.Register(api, mine(get("members", members, "The people of an organisation that one administers", 401, 404)), r.members)
	huma.Register(api, mine(post("invite-member", members, "Invite somebody by phone: he becomes a member when he logs in with it", 200, 401, 404, 409)), r.invite)
	huma.Register(api, mine(post("set-member-role", members+"/{member}/role", "Make a member an administrator, or a handler", 200, 401, 404, 409)), r.setRole)
	huma.Register(api, mine(post("set-member-phone", members+"/{member}/phone", "Give a member another phone, who has nothing to do elsewhere", 200, 401, 404, 409)), r.setMemberPhone)
	huma.Register(api, mine(post("remove-member", members+"/{member}/remove", "Remove a member, take an invitation back, or leave", 200, 401, 404, 409)), r.removeMember)
	huma.Register(api, mine(get("handled", members+"/{member}/certificates", "What a member is registered for as handler", 401, 404)), r.handled)
	huma.Register(api, mine(get("handlers", held, "Who is registered as handler of a certificate", 401, 404)), r.handlers)
	huma.Register(api, mine(post("add-handler", held, "Register a member as handler of a certificate", 200, 401, 404)), r.addHandler)
	huma.Register(api, mine(post("remove-handler", held+"/{member}/remove", "End that somebody is the registered handler of a certificate", 200, 401, 404)), r.removeHandler)
}

func (r routes) members(ctx context.Context, in *OrganisationInput) (*membersOutput, error) {
	return r.aboutMembers(ctx, func(v accounts.Visit) (organisations.Members, error) {
		return r.Organisations.Members(ctx, v, in.Code)
	})
}

func (r routes) invite(ctx context.Context, in *inviteInput) (*membersOutput, error) {
	return r.aboutMembers(ctx, func(v accounts.Visit) (organisations.Members, error) {
		return r.Organisations.Invite(ctx, v, in.Code, in.Body.Phone, in.Body.Role)
	})
}

func (r routes) setRole(ctx context.Context, in *roleInput) (*membersOutput, error) {
	return r.aboutMembers(ctx, func(v accounts.Visit) (organisations.Members, error) {
		return r.Organisations.SetRole(ctx, v, in.Code, in.Member, in.Body.Role, in.Body.Really)
	})
}

func (r routes) setMemberPhone(ctx context.Context, in *memberPhoneInput) (*membersOutput, error) {
	return r.aboutMembers(ctx, func(v accounts.Visit) (organisations.Members, error) {
		return r.Organisations.SetPhone(ctx, v, in.Code, in.Member, in.Body.Phone)
	})
}

func (r routes) removeMember(ctx context.Context, in *removeInput) (*membersOutput, error) {
	return r.aboutMembers(ctx, func(v accounts.Visit) (organisations.Members, error) {
		return r.Organisations.Remove(ctx, v, in.Code, in.Member, in.Body.Really)
	})
}

func (r routes) handled(ctx context.Context, in *MemberInput) (*handledOutput, error) {
	list, err := asMe(ctx, r, func(v accounts.Visit) (organisations.Handled, error) {
		return r.Organisations.Handled(ctx, v, in.Code, in.Member)
	})
	return &handledOutput{list}, err
}

func (r routes) handlers(ctx context.Context, in *HeldInput) (*handlersOutput, error) {
	return r.aboutHandlers(ctx, func(v accounts.Visit) (organisations.Handlers, error) {
		return r.Organisations.Handlers(ctx, v, in.Code, in.Serial)
	})
}

func (r routes) addHandler(ctx context.Context, in *handlerInput) (*handlersOutput, error) {
	return r.aboutHandlers(ctx, func(v accounts.Visit) (organisations.Handlers, error) {
		return r.Organisations.AddHandler(ctx, v, in.Code, in.Serial, in.Body.Member)
	})
}

func (r routes) removeHandler(ctx context.Context, in *noHandlerInput) (*handlersOutput, error) {
	return r.aboutHandlers(ctx, func(v accounts.Visit) (organisations.Handlers, error) {
		return r.Organisations.RemoveHandler(ctx, v, in.Code, in.Serial, in.Member)
	})
}

func (r routes) aboutMembers(ctx context.Context, call func(accounts.Visit) (organisations.Members, error)) (*membersOutput, error) {
	list, err := asMe(ctx, r, call)
	return &membersOutput{list}, err
}

func (r routes) aboutHandlers(ctx context.Context, call func(accounts.Visit) (organisations.Handlers, error)) (*handlersOutput, error) {
	list, err := asMe(ctx, r, call)
	return &handlersOutput{list}, err
}
