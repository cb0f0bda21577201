package main

import (
	"bytes"
	"os"
	"time"

	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/proof"
)

// adminCmd is what officers decide: who else is an officer or reviewer.
type adminCmd struct {
	DraftEnrolment  draftEnrolmentCmd  `cmd:"" help:"Write an enrolment for two officers to sign (certhall-agent sign-decision)."`
	Enrol           enrolCmd           `cmd:"" help:"Carry out an enrolment that two officers signed."`
	NodeCertificate nodeCertificateCmd `cmd:"" help:"Make the folder of another machine: a hall, a publisher, one more node that issues; or renew its certificate."`
	OCSPCertificate ocspCertificateCmd `cmd:"" name:"ocsp-certificate" help:"Renew the certificates that OCSP answers are signed under, for two years."`
	RootCRL         rootCRLCmd         `cmd:"" name:"root-crl" help:"Make a root's next revocation list, with its offline key: every year, and to revoke a CA."`
}

// draftEnrolmentCmd writes what the officers sign.
type draftEnrolmentCmd struct {
	stateFlags
	Role    string        `enum:"officer,reviewer" default:"reviewer" help:"Role: officer or reviewer."`
	Request string        `help:"P10 of the person to enrol." xor:"what" required:""`
	Retire  string        `help:"Serial number of the certificate that loses the role." xor:"what" required:""`
	Life    time.Duration `default:"72h" help:"How long the signatures count."`
	Out     string        `required:"" help:"File to write."`
}

func (c *draftEnrolmentCmd) Run(env *environment) error {
	public, err := c.public()
	if err != nil {
		return err
	}
	nonce, err := proof.NewNonce(env.random)
	if err != nil {
		return err
	}
	e := proof.Enrolment{
		Authority: public.ID, Role: c.Role, Retire: c.Retire, Nonce: nonce,
		Expiry: env.clock.Now().Add(c.Life).UTC().Truncate(time.Second),
	}
	if c.Request != "" {
		p10, name, err := readRequest(c.Request)
		if err != nil {
			return err
		}
		if _, e.RequestDigest, err = gm.ParseRequest(p10); err != nil {
			return err
		}
		e.Name = name
	}
	if err := os.WriteFile(c.Out, proof.Encode(e), 0o644); err != nil {
		return err
	}
	env.say("cli.enrolment-drafted", "file", c.Out)
	return nil
}

// enrolCmd carries an enrolment out.
type enrolCmd struct {
	stateFlags
	passphraseFlags
	Request  string   `help:"P10 of the person to enrol; not needed to retire one."`
	Evidence []string `required:"" help:"The enrolment signed by an officer; given twice."`
	Out      string   `help:"File for the certificate."`
}

func (c *enrolCmd) Run(env *environment) error {
	if len(c.Evidence) != 2 {
		return errTwoOfficers
	}
	both, err := readSigned(c.Evidence[0])
	if err != nil {
		return err
	}
	second, err := readSigned(c.Evidence[1])
	if err != nil {
		return err
	}
	if !bytes.Equal(both.Message, second.Message) {
		return authority.ErrEvidence.Becausef("the officers signed different enrolments")
	}
	both.Signatures = append(both.Signatures, second.Signatures...)
	var p10 []byte
	if c.Request != "" {
		if p10, _, err = readRequest(c.Request); err != nil {
			return err
		}
	}
	w, err := c.openAuthority(env, "", false)
	if err != nil {
		return err
	}
	defer closing(env.log, "database", w.close)
	pass, err := c.existing(env)
	if err != nil {
		return err
	}
	if pass == nil {
		return errPassphraseMissing
	}
	if err := w.unseal(env.ctx, pass); err != nil {
		return err
	}
	certificate, err := w.ca.Enrol(env.ctx, p10, both)
	if err != nil {
		return err
	}
	if certificate != nil && c.Out != "" {
		if err := writeCertificate(c.Out, certificate); err != nil {
			return err
		}
	}
	env.say("cli.enrolled", "file", c.Out)
	return nil
}
