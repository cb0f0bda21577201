package main

import (
	"fmt"
	"net/http"
	"time"

	"github.com/certhall/certhall/desk/agent/trust"
	"github.com/certhall/certhall/desk/courier"
	"github.com/certhall/certhall/desk/doctor"
	"github.com/certhall/certhall/desk/token/softkey"
	"github.com/certhall/certhall/locale"
)

// doctorCmd examines what a renewal on this PC needs (环境检测).
type doctorCmd struct {
	authoritiesFlag
	Server    string `env:"CERTHALL_SERVER" help:"Address of the hall, such as https://hall.example."`
	Authority string `type:"existingfile" env:"CERTHALL_AUTHORITY" help:"The authority's root certificate (default: the folder of trusted authorities)."`
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
	client := &http.Client{Timeout: questionTime}
	d := doctor.Doctor{
		Server: c.Server, Keys: s.agent(softkey.Folder(s.Keys), nil), Folder: s.Keys, Client: client, Clock: s.clock, Listed: c.Authority == "",
	}
	if c.Server != "" {
		var server, here time.Time
		d.Hall = &courier.HTTP{Base: c.Server, Lang: s.Lang, Client: client, Heard: func(t time.Time) { server, here = t, s.clock.Now() }}
		d.Heard = func() (time.Time, time.Time) { return server, here }
	}
	if err := c.known(s, &d); err != nil {
		return err
	}
	faults := 0
	check := ""
	d.Examine(s.ctx, func(f doctor.Finding) {
		if f.Verdict == doctor.Fault {
			faults++
		}
		message := locale.Text(s.Lang, "doctor."+f.Code, f.Params)
		hint := ""
		if f.Verdict != doctor.Fine {
			hint = locale.Text(s.Lang, "doctor."+f.Code+".hint", f.Params)
		}
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
