package main

import (
	"github.com/certhall/certhall/authority/audit"
	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/proof"
	authoritystore "github.com/certhall/certhall/store/authority"
)

// recordCmd is about the record's personal data (docs/records.md).
type recordCmd struct {
	Erase eraseCmd `cmd:"" help:"Without --evidence: draft for a reviewer to sign that a holder's personal data is erased. With it: carry it out; the chain of records stays whole."`
}

// eraseCmd drafts, or carries out what was signed. Broken off, the same command
// goes on.
type eraseCmd struct {
	decisionFlags
	Reason string  `help:"Why; stays in the record for good, so name no person in it."`
	Record []int64 `help:"With --evidence: number of a record of the holder's whose data alone is to go; may be repeated. Default: all of them, certificates and evidence too."`
	Force  bool    `help:"With --evidence: before the five years that the law asks for are over (certificates and evidence stay until then)."`
}

func (c *eraseCmd) Run(env *environment) error {
	erased := 0
	err := c.run(env,
		func(o *office) (proof.Draft, error) { return o.DraftErasure(env.ctx, c.Serial, c.Reason, c.Life) },
		func(o *office, s proof.Signed) (err error) {
			erased, err = c.erase(env, o, s)
			return err
		}, "cli.erased")
	if err == nil && c.Evidence != "" {
		env.say("cli.erased-records", "count", count(erased))
	}
	return err
}

func (c *eraseCmd) erase(env *environment, o *office, s proof.Signed) (int, error) {
	sequencer := audit.Sequencer{Store: authoritystore.New(o.db)}
	if _, err := sequencer.Run(env.ctx); err != nil { // what has no number yet could not be named
		return 0, err
	}
	if err := o.ca.Erase(env.ctx, s, ca.Erasure{Records: c.Record, Early: c.Force}); err != nil {
		return 0, err
	}
	if _, err := sequencer.Run(env.ctx); err != nil {
		return 0, err
	}
	return o.ca.FinishErasures(env.ctx)
}
