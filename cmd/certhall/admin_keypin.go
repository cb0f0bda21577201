package main

import (
	"fmt"
	"os"

	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/authority/ceremony"
	"github.com/certhall/certhall/locale"
)

// keyPINCmd is what officers do with the administrators' PINs of USB keys, which
// unlock them (docs/operating.md).
type keyPINCmd struct {
	Prepare keyPINPrepareCmd `cmd:"" help:"Make the unlock key of an authority that an earlier release founded."`
	Import  keyPINImportCmd  `cmd:"" help:"Take a maker's list into escrow. Destroy the file afterwards."`
	Show    keyPINShowCmd    `cmd:"" help:"List which USB keys have their administrator's PIN in escrow, and since when; never the PIN."`
	Forget  keyPINForgetCmd  `cmd:"" help:"Forget the administrator's PIN of a USB key: once locked it can only be reissued."`
}

type keyPINPrepareCmd struct {
	officeFlags
	passphraseFlags
}

func (c *keyPINPrepareCmd) Run(env *environment) error {
	o, err := c.openOffice(env)
	if err != nil {
		return err
	}
	defer o.close()
	pass, err := c.existing(env)
	if err != nil {
		return err
	}
	if pass == nil {
		return errPassphraseMissing
	}
	err = ceremony.MakeUnlockKey(o.folder, pass, env.random)
	clear(pass)
	if err != nil {
		return err
	}
	env.say("cli.unlock-key-made", "dir", o.folder)
	return nil
}

type keyPINImportCmd struct {
	officeFlags
	File    string `arg:"" type:"existingfile" help:"CSV with the columns serial and admin_pin."`
	Replace bool   `help:"Put what the list says in place of what is held: only if the maker looked it up anew."`
	Yes     bool   `short:"y" help:"Do not ask."`
}

func (c *keyPINImportCmd) Run(env *environment) error {
	o, err := c.openOffice(env)
	if err != nil {
		return err
	}
	defer o.close()
	file, err := os.Open(c.File)
	if err != nil {
		return errFile.With("file", c.File).Because(err)
	}
	defer file.Close()
	all, faults, err := ca.ReadAdminPINs(file)
	if err != nil {
		return err
	}
	for _, f := range faults {
		text, _ := locale.Error(env.lang, f.Err)
		fmt.Fprintln(env.out, env.text("cli.key-list-line", "line", fmt.Sprint(f.Line)), text)
	}
	if len(faults) > 0 {
		return findings(len(faults))
	}
	if err := confirm(env, c.Yes, "cli.key-pin-sure", "count", count(len(all))); err != nil {
		return err
	}
	if err := o.ca.EscrowAdminPINs(env.ctx, all, c.Replace); err != nil {
		return err
	}
	for _, n := range all {
		clear(n.PIN)
	}
	env.say("cli.key-pin-imported", "count", count(len(all)), "file", c.File)
	return nil
}

type keyPINShowCmd struct {
	officeFlags
	tableFlags
	Key   string `arg:"" optional:"" help:"Serial number of one USB key."`
	Limit int    `default:"50" help:"So many at most (1000)."`
	After string `help:"Go on behind this serial number."`
}

func (c *keyPINShowCmd) Run(env *environment) error {
	o, err := c.openOffice(env)
	if err != nil {
		return err
	}
	defer o.close()
	found, next, err := o.AdminPINs(env.ctx, c.Key, c.After, c.Limit)
	if err != nil {
		return err
	}
	t := newTable("key", "state", "imported", "changed", "note")
	for _, p := range found {
		note := ""
		if p.Pending != nil {
			note = env.text("cli.key-pin-pending")
		}
		t.add(p.KeySerial, env.text("cli.key-pin-state."+p.State), moment(p.ImportedAt), moment(p.ChangedAt), note)
	}
	if err := t.write(env, c.tableFlags); err != nil || c.Format != "table" {
		return err
	}
	switch {
	case len(found) == 0:
		env.say("cli.found-nothing")
	case next != "":
		env.say("cli.found-more", "after", next)
	}
	return nil
}

type keyPINForgetCmd struct {
	officeFlags
	Key    string `arg:"" help:"Serial number of the USB key."`
	Reason string `required:"" help:"Why, in your own words; kept in the record."`
	Yes    bool   `short:"y" help:"Do not ask."`
}

func (c *keyPINForgetCmd) Run(env *environment) error {
	o, err := c.openOffice(env)
	if err != nil {
		return err
	}
	defer o.close()
	if err := confirm(env, c.Yes, "cli.key-pin-forget-sure", "key", c.Key); err != nil {
		return err
	}
	if err := o.ca.ForgetAdminPIN(env.ctx, c.Key, c.Reason); err != nil {
		return err
	}
	env.say("cli.key-pin-forgotten", "key", c.Key)
	return nil
}
