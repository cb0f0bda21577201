package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/accounts"
	"github.com/certhall/certhall/hall/organisations"
	"github.com/certhall/certhall/locale"
	hallstore "github.com/certhall/certhall/store/hall"
	"github.com/certhall/certhall/takeover"
)

// importCmd brings the installed base of an earlier system (docs/importing.md).
type importCmd struct {
	officeFlags
	HallDB       string            `name:"hall-db" help:"Database of the hall, sqlite:PATH or postgres://…; default in the state folder."`
	Predecessor  string            `required:"" help:"Name of the predecessor whose certificates they are."`
	Certificates string            `required:"" type:"path" help:"Folder, or file, with the certificates: DER, PEM (several), PKCS #7."`
	Table        string            `required:"" type:"existingfile" help:"Table of the certificates (CSV; UTF-8 or GB18030)."`
	ProfileMap   map[string]string `name:"profile-map" help:"What the table calls a profile, and which one it is here: 单位证书=organisation; may be repeated."`
	Serials      string            `enum:"auto,hex,decimal" default:"auto" help:"How the table writes serial numbers: hex, decimal, or auto to find out."`
	DryRun       bool              `name:"dry-run" help:"Only say what would be done."`
	Report       string            `type:"path" help:"File for what is wrong with rows (CSV)."`
}

func (c *importCmd) Run(env *environment) error {
	o, err := c.openOffice(env)
	if err != nil {
		return err
	}
	defer o.close()
	p, err := o.ca.Predecessor(env.ctx, c.Predecessor)
	if err != nil {
		return err
	}
	operator, err := c.operator()
	if err != nil {
		return err
	}
	hall, err := c.openPeople(env)
	if err != nil {
		return err
	}
	defer closing(env.log, "database", hall.close)
	table, err := os.Open(c.Table)
	if err != nil {
		return errFile.With("file", c.Table).Because(err)
	}
	defer table.Close()
	env.note("cli.import-reading", "path", c.Certificates)
	files, err := takeover.Open(c.Certificates, p.Issuer)
	if err != nil {
		return errFile.With("file", c.Certificates).Because(err)
	}
	report, done, err := c.report(env)
	if err != nil {
		return err
	}
	last := env.clock.Now()
	run := takeover.Run{
		Authority: o.ca, Hall: hall.people, Organisations: hall.organisations, Operator: operator, Predecessor: p.Name, Issuer: p.Issuer, Profiles: c.ProfileMap,
		Serials: map[string]int{"hex": 16, "decimal": 10}[c.Serials], Dry: c.DryRun, Found: report.Add,
		Progress: func(n takeover.Counts) {
			if now := env.clock.Now(); now.Sub(last) >= time.Second {
				last = now
				env.note("cli.import-progress", "rows", fmt.Sprint(n.Rows))
			}
		},
	}
	counts, err := run.Do(env.ctx, table, files)
	if err := errors.Join(err, done()); err != nil {
		return err
	}
	key := "cli.import-done"
	if c.DryRun {
		key = "cli.import-dry"
	}
	env.say(key, "rows", fmt.Sprint(counts.Rows), "brought", fmt.Sprint(counts.Brought), "there", fmt.Sprint(counts.There),
		"refused", fmt.Sprint(counts.Refused), "warnings", fmt.Sprint(counts.Warnings), "handlers", fmt.Sprint(counts.Handlers), "changed", fmt.Sprint(counts.Changed))
	if counts.Administrators > 0 {
		env.say("cli.import-administrators", "count", fmt.Sprint(counts.Administrators))
	}
	if counts.Strange > 0 {
		env.say("cli.import-strange", "count", fmt.Sprint(counts.Strange))
	}
	if counts.Refused > 0 {
		return findings(counts.Refused)
	}
	return nil
}

// report is where findings go: a file, or the terminal.
func (c *importCmd) report(env *environment) (*takeover.Report, func() error, error) {
	out, done := env.out, func() error { return nil }
	if c.Report != "" {
		file, err := os.OpenFile(c.Report, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
		if err != nil {
			return nil, nil, errFile.With("file", c.Report).Because(err)
		}
		out, done = file, func() error { return errors.Join(file.Sync(), file.Close()) }
	}
	var headings []string
	for _, h := range []string{"row", "column", "serial", "what", "reason", "hint"} {
		headings = append(headings, env.text("cli.import-report."+h))
	}
	report, err := takeover.NewReport(out, takeover.Words{
		Headings: headings, Refused: env.text("cli.import-report.refused"), Warning: env.text("cli.import-report.warning"),
		Of: func(e *certhall.Error) (string, string) { return locale.Error(env.lang, e) },
	})
	return report, done, err
}

// note tells how things go, beside what is printed.
func (e *environment) note(key string, params ...string) {
	fmt.Fprintln(os.Stderr, e.text(key, params...))
}

// peopleDesk is the hall's people, for commands that need no more of it.
type peopleDesk struct {
	people        *accounts.Desk
	organisations *organisations.Desk
	db            io.Closer
}

func (c *importCmd) openPeople(env *environment) (*peopleDesk, error) {
	db, err := open(env, storeFlags{c.stateFlags, c.HallDB}.hallAddress())
	if err != nil {
		return nil, err
	}
	if err := hallstore.Migrate(env.ctx, db); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	store := hallstore.New(db, nil)
	people := accounts.New(accounts.Options{Store: store.Accounts(), Clock: env.clock, Random: env.random, Log: env.log})
	return &peopleDesk{
		people: people, db: db,
		organisations: organisations.New(organisations.Options{Store: store.Organisations(), People: people, Clock: env.clock, Random: env.random}),
	}, nil
}

func (p *peopleDesk) close() error { return p.db.Close() }
