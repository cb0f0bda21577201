package main

import (
	"path/filepath"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority/ceremony"
)

// ocspCertificateCmd renews the certificates that status answers are signed
// under; unsealing does so by itself when less than 90 days are left.
type ocspCertificateCmd struct {
	stateFlags
	passphraseFlags
}

func (c *ocspCertificateCmd) Run(env *environment) error {
	folder := filepath.Join(c.Dir, authorityFolder)
	if _, err := c.public(); err != nil {
		return err
	}
	pass, err := c.existing(env)
	if err != nil {
		return err
	}
	if pass == nil {
		return errPassphraseMissing
	}
	defer clear(pass)
	opened, err := ceremony.Open(folder, pass)
	if err != nil {
		return err
	}
	if err := ceremony.Tend(folder, opened, pass, env.clock, env.random); err != nil {
		return err
	}
	if err := ceremony.RenewResponders(folder, opened, env.clock, env.random); err != nil {
		return err
	}
	for _, i := range opened.Issuers {
		env.say("cli.ocsp-renewed", "file", filepath.Join(folder, i.OCSP.Name+".cer"), "date", certhall.Date(i.OCSP.Certificate.NotAfter))
	}
	env.say("cli.ocsp-restart")
	return nil
}
