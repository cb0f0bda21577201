package main

import (
	"strconv"

	"github.com/certhall/certhall/hall/accounts"
	"github.com/certhall/certhall/hall/organisations"
)

// organisationCmd is what officers do for organisations. All else their own
// administrators do in the portal.
type organisationCmd struct {
	Show          organisationShowCmd `cmd:"" help:"Show who belongs to an organisation, phones masked, and what was done there."`
	Administrator administratorCmd    `cmd:"" help:"Name or remove an administrator: he sees all certificates and cases of the organisation, and looks after its members."`
}

type administratorCmd struct {
	Name   administratorNameCmd   `cmd:"" default:"withargs" help:"Make the person with a phone an administrator."`
	Remove administratorRemoveCmd `cmd:"" help:"End that somebody administers an organisation."`
	List   organisationShowCmd    `cmd:"" help:"The same as organisation show."`
}

type organisationShowCmd struct {
	hallRoomFlags
	tableFlags
	Code string `arg:"" help:"Organisation code (统一社会信用代码)."`
}

func (c *organisationShowCmd) Run(env *environment) error {
	h, err := c.openHallRoom(env)
	if err != nil {
		return err
	}
	defer h.close()
	f, err := h.organisations.File(env.ctx, c.Code)
	if err != nil {
		return err
	}
	return env.organisation(f, c.tableFlags)
}

func (e *environment) organisation(f organisations.File, as tableFlags) error {
	t := newTable("person", "phone", "name", "role", "source", "since", "certificates")
	for _, m := range f.Members.Members {
		source := e.text("cli.handler-source." + m.Source)
		if m.Invited {
			source = e.text("cli.member.invited")
		}
		t.add(m.ID, m.Phone, m.Name, e.text("cli.role."+string(m.Role)), source, moment(m.Since), strconv.Itoa(m.Certificates))
	}
	if err := t.write(e, as); err != nil {
		return err
	}
	return e.acts(f.Acts, as)
}

type administratorNameCmd struct {
	hallRoomFlags
	Code   string `arg:"" help:"Organisation code (统一社会信用代码)."`
	Phone  string `arg:"" help:"Phone of the administrator; without an account he gets one."`
	Reason string `required:"" help:"Why, and how it was proved that he speaks for the organisation; kept with the act."`
	Yes    bool   `short:"y" help:"Do not ask."`
}

func (c *administratorNameCmd) Run(env *environment) error {
	operator, err := c.operator()
	if err != nil {
		return err
	}
	phone, err := accounts.ParsePhone(c.Phone)
	if err != nil {
		return err
	}
	if err := confirm(env, c.Yes, "cli.administrator-sure", "phone", accounts.Mask(phone), "code", c.Code); err != nil {
		return err
	}
	h, err := c.openHallRoom(env)
	if err != nil {
		return err
	}
	defer h.close()
	f, err := h.organisations.NameAdministrator(env.ctx, c.Code, phone, operator, c.Reason)
	if err != nil {
		return err
	}
	return env.organisation(f, tableFlags{})
}

type administratorRemoveCmd struct {
	hallRoomFlags
	Code   string `arg:"" help:"Organisation code (统一社会信用代码)."`
	Person string `arg:"" help:"Id or phone of the administrator."`
	Reason string `required:"" help:"Why; kept with the act."`
	Yes    bool   `short:"y" help:"Do not ask."`
}

func (c *administratorRemoveCmd) Run(env *environment) error {
	operator, err := c.operator()
	if err != nil {
		return err
	}
	shown := c.Person
	if phone, err := accounts.ParsePhone(c.Person); err == nil {
		shown = accounts.Mask(phone)
	}
	if err := confirm(env, c.Yes, "cli.administrator-remove-sure", "person", shown, "code", c.Code); err != nil {
		return err
	}
	h, err := c.openHallRoom(env)
	if err != nil {
		return err
	}
	defer h.close()
	f, err := h.organisations.RemoveAdministrator(env.ctx, c.Code, c.Person, operator, c.Reason)
	if err != nil {
		return err
	}
	return env.organisation(f, tableFlags{})
}
