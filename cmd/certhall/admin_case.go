package main

import (
	"cmp"
	"errors"
	"path/filepath"

	"github.com/emmansun/gmsm/smx509"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/hall/accounts"
	"github.com/certhall/certhall/hall/organisations"
	"github.com/certhall/certhall/hall/payment"
	"github.com/certhall/certhall/hall/services"
	"github.com/certhall/certhall/hall/unlocks"
	"github.com/certhall/certhall/jobs"
	"github.com/certhall/certhall/proof"
	hallstore "github.com/certhall/certhall/store/hall"
)

// caseCmd is what officers do with cases.
type caseCmd struct {
	Find  caseFindCmd  `cmd:"" help:"Find cases by certificate, key number, organisation or phone."`
	Show  caseShowCmd  `cmd:"" help:"Tell a case's whole story, with the hall's journal."`
	Close caseCloseCmd `cmd:"" help:"End a case: what nobody holds yet becomes void."`
}

// hallRoomFlags are those of commands that look into the hall.
type hallRoomFlags struct {
	officeFlags
	HallDB string `name:"hall-db" help:"Database of the hall; default in the state folder."`
}

// hallRoom is the hall as officers reach it.
type hallRoom struct {
	counter       *services.Counter
	people        *accounts.Desk
	organisations *organisations.Desk
	unlocks       *unlocks.Desk
	office        payment.Office
	close         func()
}

// openHallRoom opens the hall's database beside a running server; effects wait
// in its queue for a worker there.
func (f hallRoomFlags) openHallRoom(env *environment) (*hallRoom, error) {
	public, err := f.public()
	if err != nil {
		return nil, err
	}
	db, err := openExisting(env, cmp.Or(f.HallDB, "sqlite:"+filepath.Join(f.Dir, hallDB)))
	if err != nil {
		return nil, err
	}
	queue, err := jobs.New(env.ctx, db, jobs.Options{Log: env.log})
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	store := hallstore.New(db, queue)
	h := &hallRoom{close: func() { closing(env.log, "database", db.Close) }}
	h.counter = services.New(services.Options{Store: store, AuthorityID: public.ID, Roots: []*smx509.Certificate{public.Root}, Clock: env.clock, Random: env.random, Log: env.log})
	h.people = accounts.New(accounts.Options{Store: store.Accounts(), Clock: env.clock, Random: env.random, Follow: h.counter.Rename, Log: env.log})
	h.organisations = organisations.New(organisations.Options{Store: store.Organisations(), People: h.people, Clock: env.clock, Random: env.random})
	h.unlocks = &unlocks.Desk{Store: store.Unlocks(), AuthorityID: public.ID, Clock: env.clock, Random: env.random, Log: env.log}
	h.office = payment.Office{Store: store.Till(), Clock: env.clock, Random: env.random}
	return h, nil
}

type caseFindCmd struct {
	hallRoomFlags
	tableFlags
	Serial       certhall.Serial `help:"Serial number of the old or the new signing certificate."`
	KeyNumber    string          `help:"Key number (证书卡号)."`
	Organisation string          `help:"Organisation code (统一社会信用代码)."`
	Phone        string          `help:"Phone of a handler."`
	State        string          `enum:",open,done,refused,closing,closed,needs-reissue" default:"" help:"Narrow to a state."`
	Limit        int             `default:"50" help:"So many at most (1000)."`
	After        certhall.CaseID `help:"Go on behind this case."`
}

func (c *caseFindCmd) Run(env *environment) error {
	h, err := c.openHallRoom(env)
	if err != nil {
		return err
	}
	defer h.close()
	found, next, err := h.counter.FindCases(env.ctx, services.CaseSearch{
		Serial: c.Serial, KeyNumber: c.KeyNumber, Organisation: c.Organisation, Phone: c.Phone, State: services.State(c.State), Limit: c.Limit, After: c.After,
	})
	if err != nil {
		return err
	}
	t := newTable("case", "service", "state", "step", "subject", "organisation", "key_number", "opened", "serial")
	for _, k := range found {
		t.add(string(k.ID), env.text("cli.value.service."+string(k.Service)), env.text("cli.hall-state."+string(k.State)), string(k.Step()),
			k.Subject, k.Organisation, k.KeyNumber, moment(k.OpenedAt), string(k.Serial))
	}
	if err := t.write(env, c.tableFlags); err != nil || c.Format != "table" {
		return err
	}
	switch {
	case len(found) == 0:
		env.say("cli.found-nothing")
	case next != "":
		env.say("cli.found-more", "after", string(next))
	}
	return nil
}

type caseShowCmd struct {
	hallRoomFlags
	showFlags
	Case certhall.CaseID `arg:"" help:"Number of the case."`
}

func (c *caseShowCmd) Run(env *environment) error {
	o, err := c.openOffice(env)
	if err != nil {
		return err
	}
	defer o.close()
	story, err := o.OfCase(env.ctx, c.Case)
	if err != nil && !errors.Is(err, authority.ErrUnknownCase) {
		return err
	}
	unknown := err
	var file *services.CaseFile
	h, err := c.openHallRoom(env)
	switch {
	case errors.Is(err, errNoFolder): // the hall is elsewhere
	case err != nil:
		return err
	default:
		defer h.close()
		f, err := h.counter.File(env.ctx, c.Case)
		if err != nil && !errors.Is(err, services.ErrCaseMissing) {
			return err
		}
		if err == nil {
			file = &f
		}
	}
	if unknown != nil && file == nil {
		return unknown
	}
	return c.tell(env, o, story, file)
}

type caseCloseCmd struct {
	hallRoomFlags
	passphraseFlags
	Case   certhall.CaseID `arg:"" help:"Number of the case."`
	Reason string          `required:"" help:"Why, in your own words; kept in the journal."`
	Yes    bool            `short:"y" help:"Do not ask."`
}

// Run asks the hall to close its case: the running server fetches the
// authority's signed closing, without which nothing is freed. A case that the
// hall does not know is closed at the authority, which takes its passphrase.
func (c *caseCloseCmd) Run(env *environment) error {
	operator, err := c.operator()
	if err != nil {
		return err
	}
	if err := confirm(env, c.Yes, "cli.close-sure", "case", string(c.Case)); err != nil {
		return err
	}
	h, err := c.openHallRoom(env)
	if err == nil {
		defer h.close()
		k, err := h.counter.CloseBy(env.ctx, c.Case, operator, c.Reason)
		if !errors.Is(err, services.ErrCaseMissing) {
			if err == nil {
				env.say("cli.close-asked", "case", string(c.Case), "state", env.text("cli.hall-state."+string(k.State)))
			}
			return err
		}
	} else if !errors.Is(err, errNoFolder) {
		return err
	}
	o, err := c.openOffice(env)
	if err != nil {
		return err
	}
	defer o.close()
	if _, err := o.Register.Case(env.ctx, c.Case); err != nil {
		return err
	}
	if err := o.unseal(c.passphraseFlags); err != nil {
		return err
	}
	signed, err := o.ca.Close(env.ctx, c.Case)
	if err != nil {
		return err
	}
	closing, err := proof.Decode[proof.Closing](signed.Message)
	if err != nil {
		return err
	}
	env.say("cli.closed-there", "case", string(c.Case), "outcome", env.text("cli.case-state."+closing.Outcome))
	return nil
}
