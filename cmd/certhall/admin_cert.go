package main

import (
	"strings"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/authority/register"
	"github.com/certhall/certhall/proof"
)

// certCmd is what officers do with certificates.
type certCmd struct {
	Find    certFindCmd    `cmd:"" help:"Find certificates by serial number, key number, organisation, subject or end."`
	Show    certShowCmd    `cmd:"" help:"Tell a certificate's whole story, with its evidence checked anew."`
	Suspend certSuspendCmd `cmd:"" help:"Put all certificates of a holder in a project on hold, at once and on your word."`
	Revoke  certRevokeCmd  `cmd:"" help:"Without --evidence: draft a revocation for a reviewer to sign. With it: carry it out, for ever."`
	Resume  certResumeCmd  `cmd:"" help:"Without --evidence: draft for a reviewer to sign that a suspension is lifted. With it: carry it out."`
}

type certFindCmd struct {
	officeFlags
	tableFlags
	Serial        certhall.Serial `help:"Serial number of the signing or the encryption certificate."`
	KeyNumber     string          `help:"Key number (证书卡号)."`
	Organisation  string          `help:"Organisation code (统一社会信用代码)."`
	Subject       string          `help:"Beginning of the subject's common name."`
	ExpiresBefore string          `placeholder:"YYYY-MM-DD" help:"Certificates in force that end before this day."`
	Project       string          `help:"Narrow to a project."`
	State         string          `enum:",intended,issued,current,superseded,revoked,void" default:"" help:"Narrow to a state."`
	Limit         int             `default:"50" help:"So many at most (1000)."`
	After         certhall.Serial `help:"Go on behind the certificate with this serial number."`
}

func (c *certFindCmd) Run(env *environment) error {
	s := register.Search{
		Serial: c.Serial, KeyNumber: c.KeyNumber, Organisation: c.Organisation, Subject: c.Subject,
		Project: c.Project, State: authority.State(c.State), Limit: c.Limit, After: c.After,
	}
	if c.ExpiresBefore != "" {
		day, err := time.ParseInLocation(time.DateOnly, c.ExpiresBefore, certhall.Beijing)
		if err != nil {
			return errDate.With("date", c.ExpiresBefore).Because(err)
		}
		s.ExpiresBefore = day
	}
	o, err := c.openOffice(env)
	if err != nil {
		return err
	}
	defer o.close()
	found, err := o.Find(env.ctx, s)
	if err != nil {
		return err
	}
	t := newTable("serial", "subject", "organisation", "project", "key_number", "state", "not_before", "not_after", "lineage")
	for _, p := range found.Pairs {
		t.add(string(p.SignSerial), p.Subject, p.Organisation, p.Project, p.KeyNumber, env.state(p), day(p.NotBefore), day(p.NotAfter), string(p.Lineage))
	}
	if err := t.write(env, c.tableFlags); err != nil || c.Format != "table" {
		return err
	}
	switch {
	case len(found.Pairs) == 0:
		env.say("cli.found-nothing")
	case found.Next != "":
		env.say("cli.found-more", "after", string(found.Next))
	}
	return nil
}

var errDate = certhall.NewError("date-malformed", certhall.Invalid)

// state is a pair's state in words, with what is beside it.
func (e *environment) state(p *ca.Pair) string {
	words := []string{e.text("cli.state." + string(p.State))}
	if p.Suspended && p.State != authority.Revoked && p.State != authority.Void {
		words = append(words, e.text("cli.state.suspended"))
	}
	if p.NotAfter.Before(e.clock.Now()) {
		words = append(words, e.text("cli.state.expired"))
	}
	return strings.Join(words, e.text("cli.comma"))
}

type certShowCmd struct {
	officeFlags
	showFlags
	Serial certhall.Serial `arg:"" help:"Serial number of the signing or the encryption certificate."`
}

func (c *certShowCmd) Run(env *environment) error {
	o, err := c.openOffice(env)
	if err != nil {
		return err
	}
	defer o.close()
	story, err := o.OfCertificate(env.ctx, c.Serial)
	if err != nil {
		return err
	}
	return c.tell(env, o, story, nil)
}

type certSuspendCmd struct {
	officeFlags
	Serial  certhall.Serial    `arg:"" optional:"" help:"Serial number of any certificate of the holder in the project."`
	Lineage certhall.LineageID `help:"Instead of a serial number: the lineage."`
	Reason  string             `required:"" help:"Why, in your own words; kept in the record."`
	Yes     bool               `short:"y" help:"Do not ask."`
}

func (c *certSuspendCmd) Run(env *environment) error {
	o, err := c.openOffice(env)
	if err != nil {
		return err
	}
	defer o.close()
	pairs, err := o.Lineage(env.ctx, c.Serial, c.Lineage)
	if err != nil {
		return err
	}
	if err := env.pairs(pairs); err != nil {
		return err
	}
	if err := confirm(env, c.Yes, "cli.suspend-sure"); err != nil {
		return err
	}
	if err := o.ca.Suspend(env.ctx, pairs[0].Lineage, c.Reason); err != nil {
		return err
	}
	env.say("cli.suspended")
	return o.after(pairs[0].Lineage)
}

// pairs shows the certificates that an act reaches.
func (e *environment) pairs(pairs []*ca.Pair) error {
	t := newTable("serial", "subject", "key_number", "state", "not_after")
	for _, p := range pairs {
		t.add(string(p.SignSerial), p.Subject, p.KeyNumber, e.state(p), day(p.NotAfter))
	}
	return t.write(e, tableFlags{})
}

// after shows what has become of a lineage.
func (o *office) after(l certhall.LineageID) error {
	pairs, err := o.Lineage(o.env.ctx, "", l)
	if err != nil {
		return err
	}
	return o.env.pairs(pairs)
}

// decisionFlags are those of what a reviewer decides over a lineage.
type decisionFlags struct {
	officeFlags
	draftFlags
	Serial   certhall.Serial `arg:"" optional:"" help:"Serial number of any certificate of the holder in the project."`
	Evidence string          `type:"existingfile" help:"The draft as the reviewer signed it."`
}

// run drafts, or carries out what was signed.
func (f decisionFlags) run(env *environment, draft func(*office) (proof.Draft, error), carryOut func(*office, proof.Signed) error, said string) error {
	o, err := f.openOffice(env)
	if err != nil {
		return err
	}
	defer o.close()
	switch {
	case f.Evidence == "" && f.Serial == "":
		return errSerialNeeded
	case f.Evidence == "":
		d, err := draft(o)
		return f.write(env, d, err, "cli.decision-drafted")
	}
	signed, err := readSigned(f.Evidence)
	if err != nil {
		return err
	}
	if err := carryOut(o, signed); err != nil {
		return err
	}
	env.say(said)
	d, err := proof.Decode[proof.Decision](signed.Message)
	if err != nil {
		return nil // by the holder's own key: the lineage is not in it
	}
	return o.after(certhall.LineageID(d.Lineage))
}

type certRevokeCmd struct {
	decisionFlags
	Reason string `help:"Why, in the words of RFC 5280: keyCompromise, cessationOfOperation, affiliationChanged, superseded, privilegeWithdrawn, unspecified and others."`
}

func (c *certRevokeCmd) Run(env *environment) error {
	return c.run(env,
		func(o *office) (proof.Draft, error) { return o.DraftRevocation(env.ctx, c.Serial, c.Reason, c.Life) },
		func(o *office, s proof.Signed) error { return o.ca.Revoke(env.ctx, s) }, "cli.revoked")
}

type certResumeCmd struct {
	decisionFlags
	Reason string `help:"Why, in your own words; the reviewer signs it."`
}

func (c *certResumeCmd) Run(env *environment) error {
	return c.run(env,
		func(o *office) (proof.Draft, error) { return o.DraftResumption(env.ctx, c.Serial, c.Reason, c.Life) },
		func(o *office, s proof.Signed) error { return o.ca.Resume(env.ctx, s) }, "cli.resumed")
}
