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
// reviewer sign (certhall-agent sign-decision), submit; or refuse. A request
// that came as a file is answered by a file.
type unlockCmd struct {
	List   unlockListCmd   `cmd:"" help:"List requests; without a state, those that wait."`
	Show   unlockShowCmd   `cmd:"" help:"Show a request: who asks, and what lies on the key."`
	Draft  unlockDraftCmd  `cmd:"" help:"Draft the decision for a reviewer to sign, once the number that the person names is that of the request."`
	Submit unlockSubmitCmd `cmd:"" help:"Hand in the draft as the reviewer signed it: the key can be unlocked."`
	Refuse unlockRefuseCmd `cmd:"" help:"Refuse a request; the person reads the reason."`
	Answer unlockAnswerCmd `cmd:"" help:"Answer a request that came as a file, by the draft as the reviewer signed it."`
	Report unlockReportCmd `cmd:"" help:"Take what the agent reports of an unlocking by file."`
}

var (
	errUnlockCode  = certhall.NewError("unlock-code-wrong", certhall.Denied)
	errUnlockWhich = certhall.NewError("unlock-which", certhall.Invalid)
)

// oneRequest names a request: one that was filed, or one that came as a file.
type oneRequest struct {
	hallRoomFlags
	Unlock  string `arg:"" optional:"" help:"Id of the request."`
	Request string `type:"existingfile" help:"File of a request that did not come through the hall (certhall-agent unlock --request)."`
}

// which is the request that was filed; nil where it came as a file.
func (r oneRequest) which(env *environment) (*unlocks.File, error) {
	if (r.Unlock == "") == (r.Request == "") {
		return nil, errUnlockWhich
	}
	if r.Unlock == "" {
		return nil, nil
	}
	h, err := r.openHallRoom(env)
	if err != nil {
		return nil, err
	}
	defer h.close()
	f, err := h.unlocks.Get(env.ctx, r.Unlock)
	return &f, err
}

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
		switch {
		case f.Trouble != "":
			note = e.text("error." + f.Trouble)
		case f.Unanswered():
			note = e.text("cli.unlock-unanswered")
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
	oneRequest
	tableFlags
}

func (c *unlockShowCmd) Run(env *environment) error {
	f, err := c.which(env)
	if err != nil {
		return err
	}
	t := newTable("serial", "subject", "organisation", "project", "key_number", "not_after")
	var request []byte
	if f == nil {
		if request, err = c.onKey(env, t); err != nil {
			return err
		}
	} else {
		if err := env.unlocks(c.tableFlags, *f); err != nil {
			return err
		}
		request = f.Request
		for _, k := range f.Certificates {
			t.add(string(k.Serial), k.Subject, k.Organisation, k.Project, k.KeyNumber, day(k.NotAfter))
		}
	}
	if err := t.write(env, c.tableFlags); err != nil {
		return err
	}
	q, err := proof.Decode[proof.UnlockRequest](request)
	if err != nil {
		return err
	}
	t = newTable("key", "pin_tries", "admin_tries", "challenge")
	t.add(q.KeySerial, tries(q.PINTries), tries(q.AdminTries), fmt.Sprintf("%x", q.Challenge))
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
	oneRequest
	draftFlags
	Code   string `required:"" help:"The number of 20 digits that the person names on the telephone, from his agent's window."`
	Reason string `required:"" help:"How he proved who he is, in your own words; the reviewer signs it."`
}

func (c *unlockDraftCmd) Run(env *environment) error {
	f, err := c.which(env)
	if err != nil {
		return err
	}
	var request []byte
	switch {
	case f == nil:
		request, err = readDER(c.Request)
	case f.Now != unlocks.Waiting:
		err = unlocks.ErrNotOpen
	default:
		request = f.Request
	}
	if err != nil {
		return err
	}
	q, err := proof.Decode[proof.UnlockRequest](request)
	if err != nil {
		return err
	}
	o, err := c.openOffice(env)
	if err != nil {
		return err
	}
	defer o.close()
	if f == nil { // one that was filed the hall has judged
		if err := o.unlockable(env, q); err != nil {
			return err
		}
	}
	bare := strings.NewReplacer(" ", "", "-", "")
	if bare.Replace(c.Code) != bare.Replace(proof.UnlockCode(q.Digest())) {
		return errUnlockCode
	}
	d, err := o.DraftUnlocking(env.ctx, request, c.Reason, c.Life)
	return c.write(env, d, err, "cli.decision-drafted")
}

type unlockSubmitCmd struct {
	hallRoomFlags
	Unlock string `arg:"" help:"Id of the request."`
	responseFlag
	Evidence string `required:"" type:"existingfile" help:"The draft as the reviewer signed it."`
}

// responseFlag names the file with a maker's answer.
type responseFlag struct {
	Response string `type:"existingfile" help:"File with the maker's answer, where the key asks a question (show: challenge)."`
}

func (f responseFlag) read() ([]byte, error) {
	if f.Response == "" {
		return nil, nil
	}
	response, err := os.ReadFile(f.Response)
	if err != nil {
		return nil, errFile.With("file", f.Response).Because(err)
	}
	return response, nil
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
	response, err := c.read()
	if err != nil {
		return err
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
