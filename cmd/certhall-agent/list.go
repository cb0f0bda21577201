package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/desk/agent"
	"github.com/certhall/certhall/desk/token"
)

// listCmd lists keys and certificates; it needs no PIN.
type listCmd struct {
	keyFlag
}

type listedKey struct {
	Event        string       `json:"event"`
	Serial       string       `json:"serial"`
	Label        string       `json:"label"`
	Driver       string       `json:"driver"`
	Library      string       `json:"library,omitempty"` // through which it is reached
	Tries        int          `json:"tries"`
	Locked       bool         `json:"locked"`
	Trouble      string       `json:"trouble,omitempty"`
	Certificates []listedPair `json:"certificates"`
}

type listedPair struct {
	Container  string          `json:"container"`
	Subject    string          `json:"subject"`
	SignSerial certhall.Serial `json:"sign_serial"`
	EncSerial  certhall.Serial `json:"enc_serial,omitempty"`
	NotBefore  time.Time       `json:"not_before"`
	NotAfter   time.Time       `json:"not_after"`
	Complete   bool            `json:"complete"` // both certificates with their keys
}

// Run lists.
func (c *listCmd) Run(s *shell) error {
	keys, err := c.chosen(s)
	if err != nil {
		return err
	}
	a := s.agent(keys, nil)
	defer a.Close()
	all, err := a.List(s.ctx)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		s.say("cli.list.none", "folder", s.Keys)
	}
	for _, k := range all {
		s.listKey(describe(k), k)
	}
	return nil
}

func describe(k agent.Listed) listedKey {
	d := listedKey{Event: "key", Serial: k.Serial, Label: k.Label, Driver: k.Driver, Library: k.Library, Tries: k.PIN.Tries, Locked: k.PIN.Locked, Certificates: []listedPair{}}
	if k.Trouble != nil {
		d.Trouble = k.Trouble.Code
	}
	for _, h := range k.Containers {
		if h.Sign == nil {
			continue
		}
		p := listedPair{
			Container: h.Name(), Subject: h.Sign.Subject.CommonName, SignSerial: certhall.SerialOf(h.Sign.SerialNumber),
			NotBefore: h.Sign.NotBefore, NotAfter: h.Sign.NotAfter, Complete: h.Fits(),
		}
		if h.Enc != nil {
			p.EncSerial = certhall.SerialOf(h.Enc.SerialNumber)
			p.Complete = p.Complete && h.EncKey != nil
		}
		d.Certificates = append(d.Certificates, p)
	}
	return d
}

func (s *shell) listKey(d listedKey, k agent.Listed) {
	if s.JSON {
		s.line(d)
		return
	}
	if k.Trouble != nil {
		message, hint := s.words(k.Trouble)
		s.say("cli.list.trouble", "key", d.Label+" "+d.Serial, "message", message, "hint", hint)
		return
	}
	state := s.text("cli.list.tries", "tries", strconv.Itoa(d.Tries))
	switch {
	case d.Locked:
		state = s.text("error.pin-locked")
	case d.Tries < 0 && k.PIN.Final:
		state = s.text("cli.list.last-try")
	case d.Tries < 0:
		state = s.text("cli.list.uncounted")
	}
	fmt.Fprintf(s.out, "%s  %s  %s\n", d.Label, d.Serial, state)
	for _, p := range d.Certificates {
		s.say("cli.list.pair", "subject", p.Subject, "from", certhall.Date(p.NotBefore), "to", certhall.Date(p.NotAfter),
			"state", s.standing(p), "serial", string(p.SignSerial))
	}
}

// standing tells, by the PC's clock, how long a pair has left.
func (s *shell) standing(p listedPair) string {
	now := s.clock.Now()
	days := strings.TrimPrefix(strconv.Itoa(certhall.DaysBetween(now, p.NotAfter)), "-")
	switch {
	case !p.Complete:
		return s.text("cli.list.incomplete")
	case now.After(p.NotAfter):
		return s.text("cli.list.expired", "days", days)
	case now.Before(p.NotBefore):
		return s.text("cli.list.future")
	}
	return s.text("cli.list.left", "days", days)
}

// only shows one key of several.
type only struct {
	agent.Keys
	serial string
}

func (o only) List(ctx context.Context) ([]token.Info, error) {
	all, err := o.Keys.List(ctx)
	var kept []token.Info
	for _, info := range all {
		if info.Serial == o.serial {
			kept = append(kept, info)
		}
	}
	return kept, err
}
