package main

import (
	"bufio"
	"fmt"
	"iter"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/emmansun/gmsm/smx509"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/gm"
)

// reconcileCmd revokes what was given away after the backup that an authority
// was restored from.
type reconcileCmd struct {
	stateFlags
	Serials []string `help:"File of serial numbers that were given away: one a line, hexadecimal, an issuing CA's name behind a comma where it is not the main one. May be repeated."`
	CRL     []string `name:"crl" help:"CRL that was published after the backup, DER or PEM. May be repeated."`
	None    bool     `help:"Nothing was given away after the backup, or nothing is known of it; --reason says why."`
	Reason  string   `help:"Why --none is right, for the record."`
}

var (
	errNoSources     = certhall.NewError("reconcile-sources", certhall.Invalid)
	errSerialLine    = certhall.NewError("serial-line", certhall.Invalid)    // file, line
	errCRL           = certhall.NewError("crl-unreadable", certhall.Invalid) // file
	errCRLIssuer     = certhall.NewError("crl-of-another", certhall.Invalid) // file
	errIssuerUnknown = certhall.NewError("issuer-unknown", certhall.Invalid) // name
)

func (c *reconcileCmd) Run(env *environment) error {
	files := len(c.Serials) + len(c.CRL)
	if c.None != (files == 0) || c.None && strings.TrimSpace(c.Reason) == "" {
		return errNoSources
	}
	w, err := c.openAuthority(env, "", true)
	if err != nil {
		return err
	}
	defer closing(env.log, "database", w.close)
	s := sources{issuers: map[string]*smx509.Certificate{}}
	for _, i := range w.published.Issuers {
		s.issuers[i.Name] = i.Certificate
	}
	for _, path := range c.CRL { // first: what they say of a serial counts
		if err := s.crl(path); err != nil {
			return err
		}
	}
	for _, path := range c.Serials {
		if err := s.serials(path); err != nil {
			return err
		}
	}
	done, err := w.ca.Reconcile(env.ctx, s.all(), ca.Reconciliation{Sources: s.names, Reason: c.Reason})
	if err != nil {
		return err
	}
	env.say("cli.reconciled", "known", fmt.Sprint(done.Known), "lost", fmt.Sprint(done.Lost), "before", fmt.Sprint(done.Before), "revoked", fmt.Sprint(done.Revoked))
	for _, serial := range done.LostSerials {
		fmt.Fprintln(env.out, "    "+serial)
	}
	return nil
}

// sources gathers what the world was told.
type sources struct {
	issuers map[string]*smx509.Certificate // issuing CAs by name
	names   []string
	known   []ca.KnownSerial
}

func (s *sources) all() iter.Seq2[ca.KnownSerial, error] {
	return func(yield func(ca.KnownSerial, error) bool) {
		for _, k := range s.known {
			if !yield(k, nil) {
				return
			}
		}
	}
}

func (s *sources) add(path string, content []byte) {
	s.names = append(s.names, fmt.Sprintf("%s SM3 %x", filepath.Base(path), gm.SM3(content)))
}

// crl reads a CRL that one of the issuing CAs signed.
func (s *sources) crl(path string) error {
	der, err := readDER(path)
	if err != nil {
		return err
	}
	list, err := smx509.ParseRevocationList(der)
	if err != nil {
		return errCRL.With("file", path).Because(err)
	}
	for name, issuer := range s.issuers {
		if gm.VerifyAny(issuer.PublicKey, list.RawTBSRevocationList, list.Signature) != nil {
			continue
		}
		for _, e := range list.RevokedCertificateEntries {
			s.known = append(s.known, ca.KnownSerial{Issuer: name, Serial: certhall.SerialOf(e.SerialNumber),
				Revoked: &ca.Revocation{At: e.RevocationTime, Reason: e.ReasonCode}})
		}
		s.add(path, der)
		return nil
	}
	return errCRLIssuer.With("file", path)
}

// serialLine is a serial as programs print it, and perhaps an issuer's name.
var serialLine = regexp.MustCompile(`^([0-9A-Fa-f:]{1,60})(?:,\s*([a-z0-9-]+))?$`)

// serials reads a list of serial numbers.
func (s *sources) serials(path string) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return errFile.With("file", path).Because(err)
	}
	lines := bufio.NewScanner(strings.NewReader(string(content)))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		m := serialLine.FindStringSubmatch(line)
		number, ok := new(big.Int), m != nil
		if ok {
			number, ok = number.SetString(strings.ReplaceAll(m[1], ":", ""), 16)
		}
		if !ok {
			return errSerialLine.With("file", path).With("line", fmt.Sprint(n))
		}
		k := ca.KnownSerial{Issuer: m[2], Serial: certhall.SerialOf(number)}
		if k.Issuer == "" {
			k.Issuer = authority.MainIssuer
		}
		if s.issuers[k.Issuer] == nil {
			return errIssuerUnknown.With("name", k.Issuer)
		}
		s.known = append(s.known, k)
	}
	if err := lines.Err(); err != nil {
		return errSerialLine.With("file", path).With("line", "?").Because(err)
	}
	s.add(path, content)
	return nil
}
