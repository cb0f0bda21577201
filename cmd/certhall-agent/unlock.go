package main

import (
	"github.com/certhall/certhall"
	"github.com/certhall/certhall/desk/agent"
	"github.com/certhall/certhall/proof"
)

// unlockCmd unlocks a key by files, as the authority's counter does: a request
// goes there, the answer comes back, the report goes there.
type unlockCmd struct {
	keyFlag
	newPINFlag
	Authority string `required:"" type:"existingfile" env:"CERTHALL_AUTHORITY" help:"The authority's root certificate (PEM or DER)."`
	ID        string `name:"id" help:"The authority's id (default: as the containers on the key have it)."`
	Request   string `type:"path" xor:"what" required:"" help:"Write the request to unlock the key to this file."`
	Answer    string `type:"existingfile" xor:"what" required:"" help:"Unlock the key with the authority's answer."`
	Report    string `type:"path" help:"File for the report to the authority (default: beside the answer, .report)."`
}

var (
	errWhichAuthority = certhall.NewError("cli-which-authority", certhall.Invalid)
	errUnlockFailed   = certhall.NewError("unlock-failed", certhall.Denied)
	errUnanswered     = certhall.NewError("unlock-unanswered", certhall.Conflict)
)

// Run asks or unlocks.
func (c *unlockCmd) Run(s *shell) error {
	roots, err := readRoots(c.Authority)
	if err != nil {
		return err
	}
	keys, serial, err := c.find(s)
	if err != nil {
		return err
	}
	s.secrets.newPINFD = c.NewPINFD
	a := s.agent(keys, roots)
	defer a.Close()
	if c.Answer != "" {
		return c.unlock(s, a, serial)
	}
	if c.ID == "" {
		if c.ID, err = authorityOn(s, a, serial); err != nil {
			return err
		}
	}
	request, code, err := a.RequestUnlock(s.ctx, serial, c.ID)
	if err != nil {
		return err
	}
	if err := write(c.Request, request, 0o644); err != nil {
		return err
	}
	s.done("cli.unlock-requested", "file", c.Request, "code", code)
	return nil
}

func (c *unlockCmd) unlock(s *shell, a *agent.Agent, serial string) error {
	data, err := readDER(c.Answer)
	if err != nil {
		return err
	}
	answer, err := proof.Decode[proof.Signed](data)
	if err != nil {
		return err
	}
	u, err := a.Unlock(s.ctx, serial, answer)
	if err != nil {
		return err
	}
	if c.Report == "" {
		c.Report = c.Answer + ".report"
	}
	if err := write(c.Report, proof.Encode(u.Report), 0o644); err != nil {
		return err
	}
	s.say("cli.unlock-report", "file", c.Report)
	switch u.Outcome {
	case proof.UnlockFailed:
		return errUnlockFailed
	case proof.UnlockUnanswered:
		return errUnanswered
	}
	s.done("cli.unlock-done", "key", serial)
	return nil
}

// authorityOn is the id of the one authority that made containers on the key.
func authorityOn(s *shell, a *agent.Agent, serial string) (string, error) {
	all, err := a.List(s.ctx)
	if err != nil {
		return "", err
	}
	found := ""
	for _, k := range all {
		if k.Serial != serial {
			continue
		}
		for _, h := range k.Containers {
			id, _, _, ok := certhall.ParseContainerName(h.Name())
			if ok && found != "" && id != found {
				return "", errWhichAuthority
			}
			if ok {
				found = id
			}
		}
	}
	if found == "" {
		return "", errWhichAuthority
	}
	return found, nil
}
