package main

import (
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/authority/predecessors"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/proof"
)

// predecessorCmd is about earlier systems whose certificates are succeeded.
type predecessorCmd struct {
	Add    predecessorAddCmd    `cmd:"" help:"Without --evidence: draft for two officers to sign that an issuing CA is taken over. With it, given twice: carry it out."`
	Remove predecessorRemoveCmd `cmd:"" help:"Without --evidence: draft for two officers to sign that its certificates are no longer succeeded. With it, given twice: carry it out."`
	List   predecessorListCmd   `cmd:"" help:"List predecessors and how fresh their revocation lists are."`
	CRL    predecessorCRLCmd    `cmd:"" name:"crl" help:"Bring a predecessor's revocation list by hand."`
	Export predecessorExportCmd `cmd:"" help:"Export the predecessor's certificates that were superseded, for the earlier system."`
}

// takeoverFlags are shared by what two officers sign about a predecessor.
type takeoverFlags struct {
	officeFlags
	draftFlags
	Evidence []string `type:"existingfile" help:"The draft as an officer signed it; given twice."`
}

// decide drafts a takeover, or carries out what both officers signed.
func (f takeoverFlags) decide(env *environment, t proof.Takeover, done string) error {
	o, err := f.openOffice(env)
	if err != nil {
		return err
	}
	defer o.close()
	switch len(f.Evidence) {
	case 0:
		d, err := o.DraftTakeover(env.ctx, t, f.Life)
		return f.write(env, d, err, "cli.takeover-drafted")
	case 2:
	default:
		return errTwoOfficers
	}
	both, err := evidence(f.Evidence)
	if err != nil {
		return err
	}
	signed, err := proof.Decode[proof.Takeover](both.Message)
	if err == nil && signed.Withdraw != t.Withdraw {
		err = authority.ErrEvidence.Becausef("the officers signed the contrary")
	}
	if err != nil {
		return err
	}
	p, err := o.ca.TakeOver(env.ctx, both)
	if err == nil {
		env.say(done, "predecessor", p.Name)
	}
	return err
}

type predecessorAddCmd struct {
	takeoverFlags
	Name        string `help:"Short name of the predecessor: lower-case letters, digits, hyphens."`
	Certificate string `type:"existingfile" help:"Certificate of its issuing CA (DER or PEM)."`
	CRLURL      string `name:"crl-url" help:"Where its revocation list is fetched, http or https; without, lists are brought by hand."`
	OCSPURL     string `name:"ocsp-url" help:"Where its OCSP responder answers, http or https."`
}

func (c *predecessorAddCmd) Run(env *environment) error {
	t := proof.Takeover{Name: c.Name, CRL: c.CRLURL, OCSP: c.OCSPURL}
	if len(c.Evidence) == 0 {
		if c.Name == "" || c.Certificate == "" {
			return errPredecessorFlags
		}
		var err error
		if t.Certificate, err = readDER(c.Certificate); err != nil {
			return err
		}
		if err := ca.CheckTakeover(t); err != nil {
			return err
		}
		env.say("cli.takeover-fingerprint", "fingerprint", hex.EncodeToString(gm.SM3(t.Certificate)))
	}
	return c.decide(env, t, "cli.predecessor-added")
}

type predecessorRemoveCmd struct {
	takeoverFlags
	Name string `arg:"" optional:"" help:"Name of the predecessor."`
}

func (c *predecessorRemoveCmd) Run(env *environment) error {
	if len(c.Evidence) == 0 && c.Name == "" {
		return errPredecessorFlags
	}
	return c.decide(env, proof.Takeover{Name: c.Name, Withdraw: true}, "cli.predecessor-removed")
}

type predecessorListCmd struct{ officeFlags }

func (c *predecessorListCmd) Run(env *environment) error {
	o, err := c.openOffice(env)
	if err != nil {
		return err
	}
	defer o.close()
	all, err := o.store.Predecessors(env.ctx)
	if err != nil {
		return err
	}
	for _, p := range all {
		if err := describePredecessor(env, o, p); err != nil {
			return err
		}
	}
	if len(all) == 0 {
		env.say("cli.predecessor-none")
	}
	return nil
}

func describePredecessor(env *environment, o *office, p *ca.Predecessor) error {
	state := "cli.predecessor-accepted"
	if !p.WithdrawnAt.IsZero() {
		state = "cli.predecessor-withdrawn"
	} else if _, err := o.ca.Predecessor(env.ctx, p.Name); err != nil {
		state = "cli.predecessor-unsigned" // the row is not what officers signed
	}
	env.say("cli.predecessor", "predecessor", p.Name, "state", env.text(state), "fingerprint", hex.EncodeToString(gm.SM3(p.Certificate)))
	for _, address := range []string{p.CRL, p.OCSP} {
		if address != "" {
			fmt.Fprintf(env.out, "    %s\n", address)
		}
	}
	head, err := o.store.Head(env.ctx, p.Name)
	switch {
	case err != nil:
		return err
	case head == nil:
		env.say("cli.predecessor-list-none")
	case env.clock.Now().Before(head.NextUpdate):
		env.say("cli.predecessor-list", "from", moment(head.ThisUpdate), "to", moment(head.NextUpdate))
	default:
		env.say("cli.predecessor-list-over", "from", moment(head.ThisUpdate), "to", moment(head.NextUpdate))
	}
	return nil
}

// tableTime is a time as tables have it, in Beijing.
func tableTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.In(certhall.Beijing).Format(time.RFC3339)
}

type predecessorCRLCmd struct {
	officeFlags
	Name string `arg:"" help:"Name of the predecessor."`
	File string `arg:"" type:"existingfile" help:"Its complete revocation list (DER or PEM)."`
}

func (c *predecessorCRLCmd) Run(env *environment) error {
	data, err := os.ReadFile(c.File)
	if err != nil {
		return errFile.With("file", c.File).Because(err)
	}
	o, err := c.openOffice(env)
	if err != nil {
		return err
	}
	defer o.close()
	p, err := o.ca.Predecessor(env.ctx, c.Name)
	if err != nil {
		return err
	}
	l, err := predecessors.Read(data, p.Issuer, p.Name, env.clock.Now())
	if err != nil {
		return err
	}
	l.FetchedAt = env.clock.Now()
	saved, err := o.store.SaveList(env.ctx, l)
	if err != nil {
		return err
	}
	if !saved {
		return errEarlierList.With("predecessor", p.Name)
	}
	env.say("cli.predecessor-list", "from", moment(l.ThisUpdate), "to", moment(l.NextUpdate))
	return nil
}

var (
	errPredecessorFlags = certhall.NewError("predecessor-flags", certhall.Invalid)
	errEarlierList      = certhall.NewError("predecessor-list-earlier", certhall.Conflict)
)

type predecessorExportCmd struct {
	officeFlags
	Name  string `arg:"" help:"Name of the predecessor."`
	Out   string `required:"" help:"File to write (CSV)."`
	Since string `help:"Only what was superseded on or after this day (2026-05-01, Beijing time)."`
}

func (c *predecessorExportCmd) Run(env *environment) error {
	var since time.Time
	if c.Since != "" {
		day, err := time.ParseInLocation(time.DateOnly, c.Since, certhall.Beijing)
		if err != nil {
			return errDate.With("date", c.Since).Because(err)
		}
		since = day
	}
	o, err := c.openOffice(env)
	if err != nil {
		return err
	}
	defer o.close()
	file, err := os.OpenFile(c.Out, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return errFile.With("file", c.Out).Because(err)
	}
	n, err := exportSuperseded(env, o, file, c.Name, since)
	if err := errors.Join(err, file.Close()); err != nil {
		return err
	}
	env.say("cli.predecessor-exported", "count", fmt.Sprint(n), "file", c.Out)
	return nil
}

// exportPage is how many rows are read at once.
const exportPage = 1000

func exportSuperseded(env *environment, o *office, out io.Writer, name string, since time.Time) (n int, err error) {
	table := csv.NewWriter(out)
	if err := table.Write(strings.Split("serial,enc_serial,state,superseded_at,grace_ends,retired_at,revoked_at", ",")); err != nil {
		return 0, err
	}
	after := certhall.Serial("")
	for {
		page, err := o.store.Superseded(env.ctx, name, since, after, exportPage)
		if err != nil {
			return n, err
		}
		for _, p := range page {
			n, after = n+1, p.SignSerial
			if err := table.Write([]string{string(p.SignSerial), string(p.EncSerial), string(p.State),
				tableTime(p.SupersededAt), tableTime(p.GraceEnds), tableTime(p.RetiredAt), tableTime(p.RevokedAt)}); err != nil {
				return n, err
			}
		}
		if len(page) < exportPage {
			table.Flush()
			return n, table.Error()
		}
	}
}
