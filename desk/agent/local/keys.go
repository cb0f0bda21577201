package local

import (
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/desk/agent"
	"github.com/certhall/certhall/desk/agent/trust"
	"github.com/certhall/certhall/desk/token"
)

// key is a USB key as pages see it.
type key struct {
	Serial       string      `json:"serial"`
	Label        string      `json:"label"`
	Manufacturer string      `json:"manufacturer"`
	Driver       string      `json:"driver"`
	State        string      `json:"state"`
	Trouble      *problem    `json:"trouble,omitempty"`
	PIN          pinState    `json:"pin"`
	Others       int         `json:"others"`
	Containers   []container `json:"containers"`
}

// States of a key.
const (
	ready   = "ready"
	inUse   = "in-use"
	locked  = "locked"
	trouble = "trouble"
)

type pinState struct {
	Tries  int  `json:"tries"`
	Low    bool `json:"low"`
	Final  bool `json:"final"`
	Locked bool `json:"locked"`
}

type container struct {
	Name      string          `json:"name"`
	Serial    certhall.Serial `json:"serial,omitempty"`
	EncSerial certhall.Serial `json:"enc_serial,omitempty"`
	Subject   string          `json:"subject,omitempty"`
	NotBefore *time.Time      `json:"not_before,omitempty"`
	NotAfter  *time.Time      `json:"not_after,omitempty"`
	Authority string          `json:"authority,omitempty"`
	Case      certhall.CaseID `json:"case,omitempty"`
	Attempt   int             `json:"attempt,omitempty"`
	Parts     []string        `json:"parts"`
	Complete  bool            `json:"complete"`
}

// keys is the answer of /keys and the event of /watch.
type keys struct {
	Keys []key `json:"keys"`
}

func describe(listed []agent.Listed, site trust.Site, lang string) keys {
	all := keys{Keys: []key{}}
	for _, l := range listed {
		k := key{
			Serial: l.Serial, Label: l.Label, Manufacturer: l.Manufacturer, Driver: l.Driver, State: ready,
			PIN: pinState(l.PIN), Others: l.Others, Containers: []container{},
		}
		switch {
		case l.Trouble != nil && l.Trouble.Code == token.ErrKeyBusy.Code:
			k.State = inUse
		case l.Trouble != nil && l.Serial != "" && l.Trouble.Is(token.ErrDriverSlow):
			k.State, k.Trouble = inUse, problemOf(lang, l.Trouble)
		case l.Trouble != nil:
			k.State, k.Trouble = trouble, problemOf(lang, l.Trouble)
		case l.PIN.Locked:
			k.State = locked
		}
		for _, h := range l.Containers {
			k.Containers = append(k.Containers, contents(h, site))
		}
		all.Keys = append(all.Keys, k)
	}
	return all
}

func contents(h *token.Holding, site trust.Site) container {
	c := container{Name: h.Name(), Parts: []string{}, Complete: h.Whole()}
	c.Authority, c.Case, c.Attempt, _ = certhall.ParseContainerName(h.Name())
	if h.SignKey != nil {
		c.Parts = append(c.Parts, token.PartSigningKey)
	}
	if h.Sign != nil {
		c.Parts = append(c.Parts, token.PartSignCert)
		c.Serial, c.Subject = certhall.SerialOf(h.Sign.SerialNumber), h.Sign.Subject.CommonName
		c.NotBefore, c.NotAfter, c.Authority = &h.Sign.NotBefore, &h.Sign.NotAfter, site.AuthorityOf(h.Sign)
	}
	if h.EncKey != nil {
		c.Parts = append(c.Parts, token.PartEncryptionKey)
	}
	if h.Enc != nil {
		c.Parts = append(c.Parts, token.PartEncryptionCert)
		c.EncSerial = certhall.SerialOf(h.Enc.SerialNumber)
	}
	return c
}
