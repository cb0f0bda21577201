package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority/ceremony"
)

// staffCmd gives and takes one role; which one is the command's own name.
type staffCmd struct {
	Enrol  staffEnrolCmd  `cmd:"" help:"Without --evidence: draft the enrolment of a request's key for two officers to sign. With it, given twice: carry it out."`
	Retire staffRetireCmd `cmd:"" help:"Without --evidence: draft for two officers to sign that somebody loses the role. With it, given twice: carry it out."`
	List   staffListCmd   `cmd:"" help:"List who has or had the role, and whose certificate runs out soon."`
}

// role is that of the command line, reviewer or officer.
func role(k *kong.Context) string { return k.Selected().Parent.Name }

type staffEnrolCmd struct {
	officeFlags
	draftFlags
	passphraseFlags
	Request  string   `required:"" type:"existingfile" help:"P10 of the person to enrol (certhall-agent enrol)."`
	Evidence []string `type:"existingfile" help:"The draft as an officer signed it; given twice."`
}

func (c *staffEnrolCmd) Run(env *environment, k *kong.Context) error {
	p10, name, err := readRequest(c.Request)
	if err != nil {
		return err
	}
	o, err := c.openOffice(env)
	if err != nil {
		return err
	}
	defer o.close()
	if len(c.Evidence) == 0 {
		d, err := o.DraftEnrolment(env.ctx, role(k), name, p10, c.Life)
		return c.write(env, d, err, "cli.enrolment-drafted")
	}
	if len(c.Evidence) != 2 {
		return errTwoOfficers
	}
	both, err := evidence(c.Evidence)
	if err != nil {
		return err
	}
	if err := o.unseal(c.passphraseFlags); err != nil {
		return err
	}
	out, err := c.reserve()
	if err != nil {
		return err
	}
	certificate, err := o.ca.Enrol(env.ctx, p10, both)
	if err != nil {
		return errors.Join(err, os.Remove(out))
	}
	if err := writeCertificate(out, certificate); err != nil {
		return errOut.With("file", out).Because(err)
	}
	env.say("cli.enrolled", "file", out)
	return nil
}

// reserve makes the empty file that the certificate is written to, beside the
// request unless --out says otherwise, before anything is recorded: signed
// enrolments count once, so a certificate without a file could not be had again.
func (c *staffEnrolCmd) reserve() (string, error) {
	out := c.Out
	if out == "" {
		out = strings.TrimSuffix(c.Request, filepath.Ext(c.Request)) + ".cer"
	}
	file, err := os.OpenFile(out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return "", errOut.With("file", out).Because(err)
	}
	return out, file.Close()
}

// unseal opens the keys that sign certificates.
func (o *office) unseal(f passphraseFlags) error {
	pass, err := f.existing(o.env)
	if err != nil {
		return err
	}
	if pass == nil {
		return errPassphraseMissing
	}
	opened, err := ceremony.Open(o.folder, pass)
	clear(pass)
	if err != nil {
		return err
	}
	return o.ca.Unseal(o.env.ctx, opened.Keys(o.env.random))
}

type staffRetireCmd struct {
	officeFlags
	draftFlags
	Serial   certhall.Serial `arg:"" optional:"" help:"Serial number of the certificate that loses the role."`
	Evidence []string        `type:"existingfile" help:"The draft as an officer signed it; given twice."`
}

func (c *staffRetireCmd) Run(env *environment, k *kong.Context) error {
	o, err := c.openOffice(env)
	if err != nil {
		return err
	}
	defer o.close()
	switch {
	case len(c.Evidence) == 0 && c.Serial == "":
		return errSerialNeeded
	case len(c.Evidence) == 0:
		d, err := o.DraftRetirement(env.ctx, role(k), c.Serial, c.Life)
		return c.write(env, d, err, "cli.enrolment-drafted")
	case len(c.Evidence) != 2:
		return errTwoOfficers
	}
	both, err := evidence(c.Evidence)
	if err != nil {
		return err
	}
	if _, err := o.ca.Enrol(env.ctx, nil, both); err != nil {
		return err
	}
	env.say("cli.retired")
	return nil
}

type staffListCmd struct {
	officeFlags
	tableFlags
}

func (c *staffListCmd) Run(env *environment, k *kong.Context) error {
	o, err := c.openOffice(env)
	if err != nil {
		return err
	}
	defer o.close()
	all, err := o.Staff(env.ctx, role(k))
	if err != nil {
		return err
	}
	t := newTable("serial", "name", "state", "enrolled", "not_after", "retired", "note")
	for _, m := range all {
		note := ""
		if m.EndsSoon(env.clock.Now()) {
			note = env.text("cli.staff.ends-soon", "days", count(int(m.NotAfter.Sub(env.clock.Now())/(24*time.Hour))))
		}
		t.add(string(m.Serial), m.Name, env.text("cli.staff-state."+m.State), moment(m.At), day(m.NotAfter), moment(m.RetiredAt), note)
	}
	return t.write(env, c.tableFlags)
}
