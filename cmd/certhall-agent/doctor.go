package main

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"time"

	"github.com/certhall/certhall/desk/agent"
	"github.com/certhall/certhall/desk/agent/local"
	"github.com/certhall/certhall/desk/agent/trust"
	"github.com/certhall/certhall/desk/courier"
	"github.com/certhall/certhall/desk/doctor"
	"github.com/certhall/certhall/desk/doctor/neighbours"
	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/desk/token/driverhost"
	"github.com/certhall/certhall/desk/token/softkey"
)

// doctorCmd examines what a renewal on this PC needs (环境检测).
type doctorCmd struct {
	authoritiesFlag
	Server    string `env:"CERTHALL_SERVER" help:"Address of the hall, such as https://hall.example."`
	Authority string `type:"existingfile" env:"CERTHALL_AUTHORITY" help:"The authority's root certificate (default: the folder of trusted authorities)."`
	Record    string `type:"path" placeholder:"FILE" help:"Write to a new file what the libraries of makers of keys answer, for whoever mends this program: names, certificates, sizes and codes; no PINs, nothing secret."`
}

// questionTime bounds each question to the hall and to responders.
const questionTime = 10 * time.Second

// marks are how verdicts are shown; never by colour alone.
var marks = map[doctor.Verdict]string{doctor.Fine: "✓", doctor.Note: "!", doctor.Fault: "✗", doctor.Unknown: "?"}

type foundJSON struct {
	Event   string            `json:"event"`
	Check   string            `json:"check"`
	Verdict doctor.Verdict    `json:"verdict"`
	Code    string            `json:"code"`
	Params  map[string]string `json:"params,omitempty"`
	Message string            `json:"message"`
	Hint    string            `json:"hint,omitempty"`
}

// Run examines; it ends with 1 if something will not work.
func (c *doctorCmd) Run(s *shell) error {
	if c.Record != "" {
		if err := driverhost.Begin(c.Record, version()); err != nil {
			return err
		}
		s.record = c.Record
		defer s.note("cli.recorded", "file", c.Record)
	}
	keys, err := s.keys()
	if err != nil {
		return err
	}
	a := s.agent(keys, nil)
	defer a.Close()
	d := s.doctor()
	d.Server, d.Keys, d.Clock, d.Version, d.Listed = c.Server, a, s.clock, version(), c.Authority == ""
	if c.Server != "" {
		var server, here time.Time
		d.Hall = &courier.HTTP{Base: c.Server, Lang: s.Lang, Client: d.Client, Heard: func(t time.Time) { server, here = t, s.clock.Now() }}
		d.Heard = func() (time.Time, time.Time) { return server, here }
	}
	if err := c.known(s, &d); err != nil {
		return err
	}
	if err := s.whenFree(a); err != nil {
		return err
	}
	faults := 0
	check := ""
	d.Examine(s.ctx, func(f doctor.Finding) {
		if f.Verdict == doctor.Fault {
			faults++
		}
		message, hint := f.Words(s.Lang, doctor.Terminal)
		if s.JSON {
			s.line(foundJSON{"finding", f.Check, f.Verdict, f.Code, f.Params, message, hint})
			return
		}
		if f.Check != check {
			check = f.Check
			fmt.Fprintln(s.out, s.text("cli.doctor."+check))
		}
		fmt.Fprintf(s.out, "  %s %s\n", marks[f.Verdict], message)
		if hint != "" {
			fmt.Fprintf(s.out, "    → %s\n", hint)
		}
	})
	if faults > 0 {
		s.say("cli.doctor-faults", "count", fmt.Sprint(faults))
		return exit(exitOther)
	}
	s.say("cli.doctor-fine")
	return nil
}

// doctor is one as far as it is the same for the command line and for pages.
func (s *shell) doctor() doctor.Doctor {
	return doctor.Doctor{
		Folder: s.Keys, Client: &http.Client{Timeout: questionTime},
		Neighbours: neighbours.Find, Ports: local.Ports, Locks: s.lockFiles,
		Drivers: func(ctx context.Context) []doctor.Driver {
			keys, err := s.keys()
			if err != nil {
				return nil // no command comes this far
			}
			return examined(keys.Libraries(ctx))
		},
	}
}

// lockFiles are held while a key is used, by path: those of soft keys, and those
// of all keys.
func (s *shell) lockFiles() []string {
	all, _ := filepath.Glob(filepath.Join(s.locks(), "*.lock")) // fails for a malformed pattern only
	return append(all, softkey.Folder(s.Keys).Locks()...)
}

// whenFree waits until no key is in use, as long as the person wants to: what
// is busy then is told as busy.
func (s *shell) whenFree(a *agent.Agent) error {
	err := s.patience().For(s.ctx, func() error {
		all, err := a.List(s.ctx)
		if err != nil {
			return nil // which is told as a finding
		}
		for _, k := range all {
			if k.Trouble != nil && token.Passes(k.Trouble) {
				return k.Trouble
			}
		}
		return nil
	})
	if token.Passes(err) {
		return nil
	}
	return err
}

// known tells whom this PC trusts: by the file that is named, or the folder.
func (c *doctorCmd) known(s *shell, d *doctor.Doctor) error {
	if c.Authority == "" {
		folder, err := c.open(s)
		if err != nil {
			return err
		}
		d.Known, d.Issuers = folder.Authorities()
		return nil
	}
	certificates, err := readRoots(c.Authority)
	if err != nil {
		return err
	}
	for _, certificate := range certificates {
		if string(certificate.RawSubject) == string(certificate.RawIssuer) {
			d.Known = append(d.Known, trust.Authority{Root: certificate})
		} else {
			d.Issuers = append(d.Issuers, certificate)
		}
	}
	return nil
}
