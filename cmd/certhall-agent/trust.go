package main

import (
	"strconv"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/desk/courier"
	"github.com/certhall/certhall/gm"
)

// trustCmd trusts an authority and fetches the list of its portals.
type trustCmd struct {
	authoritiesFlag
	Server    string `required:"" env:"CERTHALL_SERVER" help:"Address of the hall, such as https://hall.example."`
	Authority string `required:"" type:"existingfile" env:"CERTHALL_AUTHORITY" help:"The authority's root certificate (PEM or DER), with its issuing CAs' if you have them."`
}

// Run fetches, verifies and keeps.
func (c *trustCmd) Run(s *shell) error {
	certificates, err := readRoots(c.Authority)
	if err != nil {
		return err
	}
	folder, err := c.open(s)
	if err != nil {
		return err
	}
	hall := &courier.HTTP{Base: c.Server, Lang: s.Lang}
	list, issuers, err := hall.OriginList(s.ctx)
	if err != nil {
		return err
	}
	for _, der := range issuers {
		issuer, err := gm.ParseCertificate(der)
		if err != nil {
			return courier.ErrAnswer.Because(err)
		}
		if string(issuer.RawSubject) != string(issuer.RawIssuer) { // no root comes by the wire
			certificates = append(certificates, issuer)
		}
	}
	adopted, err := folder.Adopt(certificates, list)
	if err != nil {
		return err
	}
	s.done("cli.agent-trusted", "authority", adopted.Authority, "number", strconv.FormatInt(adopted.Number, 10), "until", certhall.Date(adopted.Until))
	return nil
}
