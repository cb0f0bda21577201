package main

import (
	"strings"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/accounts"
)

// handlerCmd is what officers do for people who handle certificates (经办人).
type handlerCmd struct {
	Find     handlerFindCmd     `cmd:"" help:"Find the handlers of a certificate; phones are masked."`
	Show     handlerShowCmd     `cmd:"" help:"Show a person, by id, phone or user name: the phone masked, what he handles, what officers did."`
	SetPhone handlerSetPhoneCmd `cmd:"" help:"Give a person another phone. His log-ins end."`
}

type handlerFindCmd struct {
	hallRoomFlags
	tableFlags
	Serial certhall.Serial `required:"" help:"Serial number of the signing or the encryption certificate."`
}

func (c *handlerFindCmd) Run(env *environment) error {
	o, err := c.openOffice(env)
	if err != nil {
		return err
	}
	defer o.close()
	pairs, err := o.Lineage(env.ctx, c.Serial, "")
	if err != nil {
		return err
	}
	h, err := c.openHallRoom(env)
	if err != nil {
		return err
	}
	defer h.close()
	handlers, err := h.people.HandlersOf(env.ctx, pairs[0].Lineage)
	if err != nil {
		return err
	}
	t := newTable("person", "phone", "source")
	for _, f := range handlers {
		t.add(f.Person.ID, accounts.Mask(f.Person.Phone), env.text("cli.handler-source."+f.Source))
	}
	return t.write(env, c.tableFlags)
}

type handlerShowCmd struct {
	hallRoomFlags
	tableFlags
	Person string `arg:"" help:"Id, phone or user name."`
}

func (c *handlerShowCmd) Run(env *environment) error {
	h, err := c.openHallRoom(env)
	if err != nil {
		return err
	}
	defer h.close()
	f, err := h.people.Find(env.ctx, c.Person)
	if err != nil {
		return err
	}
	return env.person(f, c.tableFlags)
}

// person shows a person and what officers did to him.
func (e *environment) person(f accounts.File, as tableFlags) error {
	var lineages []string
	for _, l := range f.Lineages {
		lineages = append(lineages, string(l))
	}
	t := newTable("person", "phone", "name", "registered", "last_login", "lineage")
	t.add(f.ID, f.Phone, f.UserName, moment(f.MadeAt), moment(f.LastLogin), strings.Join(lineages, " "))
	if err := t.write(e, as); err != nil {
		return err
	}
	return e.acts(f.Acts, as)
}

// acts shows what was done.
func (e *environment) acts(acts []accounts.Act, as tableFlags) error {
	if len(acts) == 0 {
		return nil
	}
	t := newTable("at", "operator", "act", "was", "became", "reason")
	for _, a := range acts {
		t.add(moment(a.At), a.Operator, e.text("cli.act."+a.Kind), a.Was, a.Became, a.Reason)
	}
	return t.write(e, as)
}

type handlerSetPhoneCmd struct {
	hallRoomFlags
	Person string `arg:"" help:"Id, old phone or user name."`
	Phone  string `arg:"" help:"The new phone."`
	Reason string `required:"" help:"Why, and how he proved who he is; kept with the act."`
	Yes    bool   `short:"y" help:"Do not ask."`
}

func (c *handlerSetPhoneCmd) Run(env *environment) error {
	operator, err := c.operator()
	if err != nil {
		return err
	}
	is, err := accounts.ParsePhone(c.Phone)
	if err != nil {
		return err
	}
	h, err := c.openHallRoom(env)
	if err != nil {
		return err
	}
	defer h.close()
	before, err := h.people.Find(env.ctx, c.Person)
	if err != nil {
		return err
	}
	if err := confirm(env, c.Yes, "cli.set-phone-sure", "was", before.Phone, "is", accounts.Mask(is)); err != nil {
		return err
	}
	f, err := h.people.SetPhone(env.ctx, before.ID, is, operator, c.Reason)
	if err != nil {
		return err
	}
	env.say("cli.phone-set")
	return env.person(f, tableFlags{})
}
