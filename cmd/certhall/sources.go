package main

import (
	"bufio"
	"bytes"
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
	"github.com/certhall/certhall/authority/audit"
	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/authority/ceremony"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/proof"
)

// sourceFlags name what tells of the time after a backup.
type sourceFlags struct {
	Journal    []string `help:"Journal of checkpoints that lay beside the lost database. May be repeated."`
	Checkpoint []string `help:"Checkpoint that was published after the backup (answer of /audit/checkpoint). May be repeated."`
	Serials    []string `help:"File of serial numbers that were given away: one a line, hexadecimal, an issuing CA's name behind a comma where it is not the main one. May be repeated."`
	CRL        []string `name:"crl" help:"CRL that was published after the backup, DER or PEM. May be repeated."`
}

// silent: a checkpoint alone tells of records, not of serials.
func (f sourceFlags) silent() bool { return len(f.Journal)+len(f.Serials)+len(f.CRL) == 0 }

// read reads all of it, and checks what is signed.
func (f sourceFlags) read(published ceremony.Public) (*sources, error) {
	s := &sources{root: published.Root, authority: published.ID, issuers: map[string]*smx509.Certificate{}}
	for _, i := range published.Issuers {
		s.issuers[i.Name] = i.Certificate
	}
	for _, kind := range []struct {
		paths []string
		read  func(string) error
	}{{f.CRL, s.crl}, {f.Journal, s.journal}, {f.Checkpoint, s.checkpoint}, {f.Serials, s.serials}} {
		for _, path := range kind.paths {
			if err := kind.read(path); err != nil {
				return nil, err
			}
		}
	}
	return s, nil
}

// sources are what the world was told.
type sources struct {
	root      *smx509.Certificate
	authority string
	issuers   map[string]*smx509.Certificate // issuing CAs by name
	names     []string
	known     []ca.KnownSerial
	record    int64 // highest number that a checkpoint covers
}

// behind is the highest number that is known to be lost; 0: of none.
func (s *sources) behind(last int64) int64 {
	if s.record <= last || s.record >= audit.AfterRestoring(last) {
		return 0
	}
	return s.record
}

// tellRecords tells how many records are missing behind the backup.
func (s *sources) tellRecords(env *environment, last int64) {
	if to := s.behind(last); to > 0 {
		env.say("cli.restore-lost", "count", count(to-last), "from", count(last+1), "to", count(to))
	}
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

// journal reads a journal of checkpoints, each by the notary.
func (s *sources) journal(path string) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return errFile.With("file", path).Because(err)
	}
	for e, err := range audit.ReadJournal(bytes.NewReader(content)) {
		if err != nil {
			return certhall.AsError(err).With("file", path)
		}
		signed, err := proof.Decode[proof.Signed](e.Signed)
		if err != nil {
			return audit.ErrForged.With("file", path).Because(err)
		}
		if err := s.signed(path, signed); err != nil {
			return err
		}
		for issuer, serials := range e.Serials {
			for _, serial := range serials {
				s.known = append(s.known, ca.KnownSerial{Issuer: issuer, Serial: serial})
			}
		}
	}
	s.add(path, content)
	return nil
}

// checkpoint reads a checkpoint as it was published.
func (s *sources) checkpoint(path string) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return errFile.With("file", path).Because(err)
	}
	all, err := audit.ParseCheckpoints(content)
	if err != nil {
		return certhall.AsError(err).With("file", path)
	}
	for _, signed := range all {
		if err := s.signed(path, signed); err != nil {
			return err
		}
	}
	s.add(path, content)
	return nil
}

func (s *sources) signed(path string, signed proof.Signed) error {
	m, err := audit.Notarized(signed, s.root, s.authority)
	if err != nil {
		return certhall.AsError(err).With("file", path)
	}
	s.record = max(s.record, m.Number)
	return nil
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
