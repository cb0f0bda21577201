package main

import (
	"errors"
	"io"

	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/hall/unlocks"
	"github.com/certhall/certhall/proof"
)

// Requests that come as files: from an office without network, or from a key at
// the counter. No hall is asked who handles the certificates on the key: whoever
// drafts and whoever signs make sure of that. The authority's checks are those
// over requests that were filed.

// onKey adds the certificates that the authority knows on the key of the request.
func (r oneRequest) onKey(env *environment, t *table) (request []byte, err error) {
	if request, err = readDER(r.Request); err != nil {
		return nil, err
	}
	q, err := proof.Decode[proof.UnlockRequest](request)
	if err != nil {
		return nil, err
	}
	o, err := r.openOffice(env)
	if err != nil {
		return nil, err
	}
	defer o.close()
	pairs, err := o.OnKey(env.ctx, q.KeySerial)
	for _, p := range pairs {
		t.add(string(p.SignSerial), p.Subject, p.Organisation, p.Project, p.KeyNumber, day(p.NotAfter))
	}
	return request, err
}

// unlockable says of a request what the hall would say at once: that no decision
// can help.
func (o *office) unlockable(env *environment, q proof.UnlockRequest) error {
	switch {
	case len(q.Challenge) > 0:
		return nil
	case q.AdminTries == 0:
		return unlocks.ErrLocked.With("key", q.KeySerial)
	}
	return o.ca.Unlockable(env.ctx, q.KeySerial)
}

type unlockAnswerCmd struct {
	officeFlags
	passphraseFlags
	responseFlag
	Request  string `arg:"" type:"existingfile" help:"The request."`
	Evidence string `required:"" type:"existingfile" help:"The draft as the reviewer signed it."`
	Out      string `required:"" type:"path" help:"File to write: the answer, which the agent that made the request can open, and nobody else."`
}

// Run asks for the passphrase once nothing else is amiss. The same request gets
// the same answer again.
func (c *unlockAnswerCmd) Run(env *environment) error {
	r := authority.UnlockRequest{}
	var err error
	if r.Request, err = readDER(c.Request); err != nil {
		return err
	}
	if r.Decision, err = readSigned(c.Evidence); err != nil {
		return err
	}
	if r.Response, err = c.read(); err != nil {
		return err
	}
	o, err := c.openOffice(env)
	if err != nil {
		return err
	}
	defer o.close()
	if err := o.ca.CheckUnlock(env.ctx, r); err != nil {
		return err
	}
	if err := o.unseal(c.passphraseFlags); err != nil {
		return err
	}
	answer, err := o.ca.Unlock(env.ctx, r)
	if err != nil {
		return err
	}
	err = writeOut(c.Out, func(w io.Writer) error {
		_, err := w.Write(proof.Encode(answer))
		return err
	})
	if err != nil {
		return err
	}
	env.say("cli.unlock-answered", "file", c.Out)
	return nil
}

type unlockReportCmd struct {
	hallRoomFlags
	Report string `arg:"" type:"existingfile" help:"The report that the agent wrote (certhall-agent unlock --answer)."`
}

func (c *unlockReportCmd) Run(env *environment) error {
	report, err := readSigned(c.Report)
	if err != nil {
		return err
	}
	o, err := c.openOffice(env)
	if err != nil {
		return err
	}
	defer o.close()
	if err := o.ca.Unlocked(env.ctx, report); err != nil {
		return err
	}
	m, err := proof.Decode[proof.UnlockReport](report.Message)
	if err != nil {
		return err
	}
	env.say("cli.unlock-reported", "key", m.KeySerial, "outcome", env.text("cli.unlock-outcome."+m.Outcome))
	return c.tellHall(env, report)
}

// tellHall ends the request where it was filed in the hall as well. The
// authority has the report by now: where the hall is on another machine, that
// is said, and no failure.
func (c *unlockReportCmd) tellHall(env *environment, report proof.Signed) error {
	h, err := c.openHallRoom(env)
	if errors.Is(err, errNoFolder) {
		env.say("cli.unlock-hall-elsewhere")
		return nil
	}
	if err != nil {
		return err
	}
	defer h.close()
	f, err := h.unlocks.Reported(env.ctx, report)
	if err != nil || f == nil {
		return err
	}
	return env.unlocks(tableFlags{}, *f)
}
