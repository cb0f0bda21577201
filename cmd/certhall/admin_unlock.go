package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/hall/unlocks"
	"github.com/certhall/certhall/proof"
)

// unlockCmd is what officers do with requests to unlock USB keys: draft, have a
// reviewer sign (certhall-agent sign-decision), submit; or refuse.
type unlockCmd struct {
	List   unlockListCmd   `cmd:"" help:"List requests; without a state, those that wait."`
	Show   unlockShowCmd   `cmd:"" help:"Show a request: who asks, and what lies on the key."`
	Draft  unlockDraftCmd  `cmd:"" help:"Draft the decision for a reviewer to sign, once the number that the person names is that of the request."`
	Submit unlockSubmitCmd `cmd:"" help:"Hand in the draft as the reviewer signed it: the key can be unlocked."`
	Refuse unlockRefuseCmd `cmd:"" help:"Refuse a request; the person reads the reason."`
}

var errUnlockCode = certhall.NewError("unlock-code-wrong", certhall.Denied)

type unlockListCmd struct {
	hallRoomFlags
	tableFlags
	State string `enum:"waiting,approved,answered,done,failed,unknown,refused,withdrawn,expired,all" default:"waiting" help:"Those in this state; all for every one."`
	Limit int    `default:"50" help:"So many at most (1000)."`
}

func (c *unlockListCmd) Run(env *environment) error {
	h, err := c.openHallRoom(env)
	if err != nil {
		return err
	}
	defer h.close()
	state := unlocks.State(c.State)
	if c.State == "all" {
		state = ""
	}
	found, err := h.unlocks.Find(env.ctx, state, c.Limit)
	if err != nil {
		return err
	}
	return env.unlocks(c.tableFlags, found...)
}

// unlocks shows requests. The number to compare is not shown: whoever asks
// names it.
func (e *environment) unlocks(as tableFlags, all ...unlocks.File) error {
	t := newTable("unlock", "key", "state", "asked", "name", "phone", "subject", "organisation", "reason", "note")
	for _, f := range all {
		var subjects, organisations []string
		for _, c := range f.Certificates {
			if !slices.Contains(organisations, c.Organisation) {
				subjects, organisations = append(subjects, c.Subject), append(organisations, c.Organisation)
			}
		}
		note := ""
		if f.Trouble != "" {
			note = e.text("error." + f.Trouble)
		}
		t.add(f.ID, f.KeySerial, e.text("cli.unlock-state."+string(f.Now)), moment(f.MadeAt), f.Name, f.Phone,
			strings.Join(subjects, " "), strings.Join(organisations, " "), f.Reason, note)
	}
	if err := t.write(e, as); err != nil || len(all) > 0 || as.Format != "table" {
		return err
	}
	e.say("cli.found-nothing")
	return nil
}

type unlockShowCmd struct {
	hallRoomFlags
	tableFlags
	Unlock string `arg:"" help:"Id of the request."`
}

func (c *unlockShowCmd) Run(env *environment) error {
	h, err := c.openHallRoom(env)
	if err != nil {
		return err
	}
	defer h.close()
	f, err := h.unlocks.Get(env.ctx, c.Unlock)
	if err != nil {
		return err
	}
	if err := env.unlocks(c.tableFlags, f); err != nil {
		return err
	}
	t := newTable("serial", "subject", "organisation", "project", "key_number", "not_after")
	for _, k := range f.Certificates {
		t.add(string(k.Serial), k.Subject, k.Organisation, k.Project, k.KeyNumber, day(k.NotAfter))
	}
	if err := t.write(env, c.tableFlags); err != nil {
		return err
	}
	q, err := proof.Decode[proof.UnlockRequest](f.Request)
	if err != nil {
		return err
	}
	t = newTable("pin_tries", "admin_tries", "challenge")
	t.add(tries(q.PINTries), tries(q.AdminTries), fmt.Sprintf("%x", q.Challenge))
	return t.write(env, c.tableFlags)
}

// tries is how many are left, "?" where the driver cannot tell.
func tries(n int) string {
	if n < 0 {
		return "?"
	}
	return count(n)
}

type unlockDraftCmd struct {
	hallRoomFlags
	draftFlags
	Unlock string `arg:"" help:"Id of the request."`
	Code   string `required:"" help:"The number of 20 digits that the person names on the telephone, from his agent's window."`
	Reason string `required:"" help:"How he proved who he is, in your own words; the reviewer signs it."`
}

func (c *unlockDraftCmd) Run(env *environment) error {
	h, err := c.openHallRoom(env)
	if err != nil {
		return err
	}
	defer h.close()
	f, err := h.unlocks.Get(env.ctx, c.Unlock)
	if err != nil {
		return err
	}
	if f.Now != unlocks.Waiting {
		return unlocks.ErrNotOpen
	}
	bare := strings.NewReplacer(" ", "", "-", "")
	if bare.Replace(c.Code) != bare.Replace(f.Code) {
		return errUnlockCode
	}
	o, err := c.openOffice(env)
	if err != nil {
		return err
	}
	defer o.close()
	d, err := o.DraftUnlocking(env.ctx, f.Request, c.Reason, c.Life)
	return c.write(env, d, err, "cli.decision-drafted")
}

type unlockSubmitCmd struct {
	hallRoomFlags
	Unlock   string `arg:"" help:"Id of the request."`
	Evidence string `required:"" type:"existingfile" help:"The draft as the reviewer signed it."`
	Response string `type:"existingfile" help:"File with the maker's answer, where the key asks a question (show: challenge)."`
}

// Run has the authority's own rules judge the decision first, then leaves it for
// the running hall, which fetches the answer.
func (c *unlockSubmitCmd) Run(env *environment) error {
	operator, err := c.operator()
	if err != nil {
		return err
	}
	decision, err := readSigned(c.Evidence)
	if err != nil {
		return err
	}
	var response []byte
	if c.Response != "" {
		if response, err = os.ReadFile(c.Response); err != nil {
			return errFile.With("file", c.Response).Because(err)
		}
	}
	h, err := c.openHallRoom(env)
	if err != nil {
		return err
	}
	defer h.close()
	f, err := h.unlocks.Get(env.ctx, c.Unlock)
	if err != nil {
		return err
	}
	o, err := c.openOffice(env)
	if err != nil {
		return err
	}
	defer o.close()
	if err := o.ca.CheckUnlock(env.ctx, authority.UnlockRequest{Request: f.Request, Decision: decision, Response: response}); err != nil {
		return err
	}
	if f, err = h.unlocks.Decide(env.ctx, c.Unlock, decision, response, operator); err != nil {
		return err
	}
	env.say("cli.unlock-submitted")
	return env.unlocks(tableFlags{}, f)
}

type unlockRefuseCmd struct {
	hallRoomFlags
	Unlock string `arg:"" help:"Id of the request."`
	Reason string `required:"" help:"Why, as the person will read it."`
}

func (c *unlockRefuseCmd) Run(env *environment) error {
	operator, err := c.operator()
	if err != nil {
		return err
	}
	h, err := c.openHallRoom(env)
	if err != nil {
		return err
	}
	defer h.close()
	f, err := h.unlocks.Refuse(env.ctx, c.Unlock, c.Reason, operator)
	if err != nil {
		return err
	}
	return env.unlocks(tableFlags{}, f)
}
