package main

import (
	"encoding/hex"
	"errors"
	"strings"

	"github.com/certhall/certhall/authority/ceremony"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/locale"
	"github.com/certhall/certhall/web"
)

// agentPorts are where agents serve unless told otherwise.
var agentPorts = []int{17083, 27083, 37083}

// facts are what everybody may know of the hall.
func (f hallFlags) facts(p ceremony.Public) web.Hall {
	facts := web.Hall{
		Name: p.Name, Authority: p.ID, Origin: portalOf(p, f.origin).Origin, Fingerprint: hex.EncodeToString(gm.SM3(p.Root.Raw)),
		AgentPorts: f.AgentPort, Projects: []web.Project{}, Contact: f.Contact, Demo: p.Demo,
		Payment: f.Payment, PaymentTrial: f.Payment == paySandbox, PayPage: f.payPage,
	}
	if len(f.AgentPort) == 0 {
		facts.AgentPorts = agentPorts
	}
	for _, p := range f.Project {
		facts.Projects = append(facts.Projects, web.Project(p))
	}
	return facts
}

// project is a web.Project as the command line takes it.
type project web.Project

var errProject = errors.New("a project is CODE=中文名|English name")

// UnmarshalText implements encoding.TextUnmarshaler.
func (p *project) UnmarshalText(text []byte) error {
	code, names, ok := strings.Cut(string(text), "=")
	chinese, english, both := strings.Cut(names, "|")
	if !ok || !both || code == "" || chinese == "" || english == "" {
		return errProject
	}
	*p = project{Code: code, Names: map[string]string{locale.Chinese: chinese, locale.English: english}}
	return nil
}

// MarshalText implements encoding.TextMarshaler.
func (p project) MarshalText() ([]byte, error) {
	return []byte(p.Code + "=" + p.Names[locale.Chinese] + "|" + p.Names[locale.English]), nil
}
