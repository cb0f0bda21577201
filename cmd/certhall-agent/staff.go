package main

import (
	"encoding/pem"
	"os"

	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/proof"
)

// enrolCmd makes the request of an officer or reviewer, or takes the
// certificate issued for it.
type enrolCmd struct {
	keyFlag
	Name        string `xor:"what" required:"" help:"Common name to ask for."`
	Certificate string `xor:"what" required:"" type:"existingfile" help:"Certificate to import."`
	Out         string `type:"path" help:"File for the request (P10, PEM)."`
}

// Run enrols or imports.
func (c *enrolCmd) Run(s *shell) error {
	keys, serial, err := c.find(s)
	if err != nil {
		return err
	}
	a := s.agent(keys, nil)
	defer a.Close()
	if c.Certificate != "" {
		der, err := readDER(c.Certificate)
		if err != nil {
			return err
		}
		if err := a.ImportCertificate(s.ctx, serial, der); err != nil {
			return err
		}
		s.done("cli.imported", "key", serial)
		return nil
	}
	if c.Out == "" {
		c.Out = serial + ".p10"
	}
	p10, err := a.Enrol(s.ctx, serial, c.Name)
	if err != nil {
		return err
	}
	if err := writePEM(c.Out, "CERTIFICATE REQUEST", p10); err != nil {
		return err
	}
	s.done("cli.requested", "file", c.Out)
	return nil
}

// decideCmd signs a drafted decision or enrolment after showing it.
type decideCmd struct {
	keyFlag
	Authority string `required:"" type:"existingfile" env:"CERTHALL_AUTHORITY" help:"The authority's root certificate (PEM or DER)."`
	File      string `arg:"" type:"existingfile" help:"Draft of a decision or an enrolment (certhall admin … --out)."`
	Out       string `type:"path" help:"File for the signed evidence (default: FILE.signed)."`
}

// Run shows and signs.
func (c *decideCmd) Run(s *shell) error {
	draft, err := os.ReadFile(c.File)
	if err != nil {
		return errFile.With("file", c.File).Because(err)
	}
	roots, err := readRoots(c.Authority)
	if err != nil {
		return err
	}
	keys, serial, err := c.find(s)
	if err != nil {
		return err
	}
	a := s.agent(keys, roots)
	defer a.Close()
	signed, err := a.SignDecision(s.ctx, serial, draft)
	if err != nil {
		return err
	}
	if c.Out == "" {
		c.Out = c.File + ".signed"
	}
	if err := write(c.Out, proof.Encode(signed), 0o644); err != nil {
		return err
	}
	s.done("cli.signed", "file", c.Out)
	return nil
}

// readDER reads a file that holds DER or PEM.
func readDER(path string) ([]byte, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, errFile.With("file", path).Because(err)
	}
	return gm.FromPEM(data), nil
}

func writePEM(path, kind string, der []byte) error {
	return write(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o644)
}

func write(path string, data []byte, mode os.FileMode) error {
	if err := os.WriteFile(path, data, mode); err != nil {
		return errFile.With("file", path).Because(err)
	}
	return nil
}
