package main

import (
	"os"
	"strings"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/desk/agent"
	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/gm"
)

// encryptCmd encrypts a file; it needs no key.
type encryptCmd struct {
	Certificate string `required:"" type:"existingfile" help:"Encryption certificate of the receiver (PEM or DER)."`
	In          string `arg:"" type:"existingfile"`
	Out         string `arg:"" type:"path"`
}

// Run encrypts.
func (c *encryptCmd) Run(s *shell) error {
	der, err := readDER(c.Certificate)
	if err != nil {
		return err
	}
	certificate, err := gm.ParseCertificate(der)
	if err != nil {
		return errFile.With("file", c.Certificate).Because(err)
	}
	content, err := os.ReadFile(c.In)
	if err != nil {
		return errFile.With("file", c.In).Because(err)
	}
	envelope, err := agent.Encrypt(certificate, content)
	if err != nil {
		return err
	}
	if err := write(c.Out, envelope, 0o644); err != nil {
		return err
	}
	s.done("cli.encrypted", "file", c.Out, "subject", certificate.Subject.CommonName)
	return nil
}

// decryptCmd decrypts a file, with old certificates' keys too.
type decryptCmd struct {
	keyFlag
	In  string `arg:"" type:"existingfile"`
	Out string `arg:"" type:"path"`
}

// Run decrypts.
func (c *decryptCmd) Run(s *shell) error {
	envelope, err := os.ReadFile(c.In)
	if err != nil {
		return errFile.With("file", c.In).Because(err)
	}
	keys, serial, err := c.find(s)
	if err != nil {
		return err
	}
	a := s.agent(keys, nil)
	defer a.Close()
	content, err := a.Decrypt(s.ctx, serial, envelope)
	if err != nil {
		return err
	}
	if err := write(c.Out, content, 0o600); err != nil {
		return err
	}
	s.done("cli.decrypted", "file", c.Out)
	return nil
}

// exportCmd writes a certificate of the key to a file; it needs no PIN.
type exportCmd struct {
	keyFlag
	Serial certhall.Serial `help:"Serial number of the pair's signing or encryption certificate (default: the only pair)."`
	Usage  string          `enum:"signing,encryption" default:"signing" help:"Which certificate of the pair: signing or encryption."`
	Out    string          `arg:"" type:"path"`
}

// Run exports.
func (c *exportCmd) Run(s *shell) error {
	keys, serial, err := c.find(s)
	if err != nil {
		return err
	}
	a := s.agent(only{keys, serial}, nil)
	defer a.Close()
	all, err := a.List(s.ctx)
	if err != nil {
		return err
	}
	var found []*token.Holding
	for _, k := range all {
		if k.Trouble != nil {
			return k.Trouble
		}
		for _, h := range k.Containers {
			if c.Serial == "" && h.Sign != nil || c.names(h) {
				found = append(found, h)
			}
		}
	}
	if len(found) != 1 {
		return errNoPair.With("key", serial)
	}
	certificate := found[0].Sign
	if c.Usage == "encryption" {
		certificate = found[0].Enc
	}
	if certificate == nil {
		return token.ErrNoCertificate
	}
	if err := writePEM(c.Out, "CERTIFICATE", certificate.Raw); err != nil {
		return err
	}
	s.done("cli.exported", "file", c.Out, "subject", certificate.Subject.CommonName)
	return nil
}

func (c *exportCmd) names(h *token.Holding) bool {
	want := certhall.Serial(strings.ToLower(string(c.Serial)))
	return h.Sign != nil && certhall.SerialOf(h.Sign.SerialNumber) == want ||
		h.Enc != nil && certhall.SerialOf(h.Enc.SerialNumber) == want
}
