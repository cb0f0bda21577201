package main

import (
	"context"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	"github.com/emmansun/gmsm/smx509"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/desk/agent"
	"github.com/certhall/certhall/desk/agent/trust"
	"github.com/certhall/certhall/desk/courier"
)

// serviceCmd runs a service of the hall for a pair on a key.
type serviceCmd struct {
	keyFlag
	payFlags
	Server    string          `required:"" env:"CERTHALL_SERVER" help:"Address of the hall, such as https://hall.example."`
	Authority string          `required:"" type:"existingfile" env:"CERTHALL_AUTHORITY" help:"The authority's root certificate (PEM or DER)."`
	All       bool            `xor:"which" help:"Every certificate on every key, one after another, whatever becomes of each; at a terminal then the next keys. The exit code is the smallest that single runs would have had."`
	Serial    certhall.Serial `xor:"which" help:"Serial number of the signing certificate (default: the likeliest on the key)."`
	Phone     string          `help:"Phone number, where the hall asks for one or lets any do."`
	CodeFD    int             `name:"code-fd" default:"-1" help:"Read the SMS code from this file descriptor (a line each)."`
	CodeFile  string          `type:"path" help:"Wait for the SMS code in this file: the last six digits added after it was sent."`

	hall *courier.HTTP // the same for all certificates: a phone is proved once
}

// Run finds the pair that is meant and carries the case through.
func (c *serviceCmd) Run(s *shell, k *kong.Context) error {
	service := certhall.Service(k.Selected().Name)
	roots, err := readRoots(c.Authority)
	if err != nil {
		return err
	}
	if c.All {
		return c.all(s, service, roots)
	}
	keys, serial, err := c.find(s)
	if err != nil {
		return err
	}
	a := s.agent(keys, roots)
	defer a.Close()
	pairs, err := c.pairs(s, a, serial, service)
	if err != nil {
		return err
	}
	if c.Serial == "" { // what is over comes last: the PIN is typed for what may go
		over := c.over(s, pairs)
		isOver := func(p certhall.Serial) bool { return slices.Contains(over, p) }
		pairs = append(slices.DeleteFunc(pairs, isOver), over...)
	}
	var first, firstLive error
	for _, pair := range pairs {
		last, leftover, err := c.carry(s, a, serial, service, pair)
		if err == nil {
			s.result(service, last, leftover)
			return nil
		}
		passable, history := courier.Passable(err)
		if !passable {
			return err
		}
		if first == nil {
			first = err
		}
		if firstLive == nil && !history {
			firstLive = err
		}
	}
	if firstLive != nil {
		return firstLive
	}
	return first
}

func (c *serviceCmd) pairs(s *shell, a *agent.Agent, serial string, service certhall.Service) ([]certhall.Serial, error) {
	if c.Serial != "" {
		return []certhall.Serial{certhall.Serial(strings.ToLower(string(c.Serial)))}, nil
	}
	var pairs []certhall.Serial
	err := s.patience().For(s.ctx, func() error {
		listed, err := a.List(s.ctx)
		if err != nil {
			return err
		}
		for _, l := range listed {
			if l.Serial != serial {
				continue
			}
			if l.Trouble != nil {
				return l.Trouble
			}
			if pairs = courier.Candidates(l.Containers, service, s.clock.Now()); len(pairs) > 0 {
				return nil
			}
		}
		return errNoPair.With("key", serial)
	})
	return pairs, err
}

// over are those of these pairs to which no service is open ever again. Where
// the hall cannot be asked, none: opening a case will tell why.
func (c *serviceCmd) over(s *shell, pairs []certhall.Serial) []certhall.Serial {
	over, err := c.reach(s).Over(s.ctx, pairs)
	if err != nil {
		return nil
	}
	return over
}

func (c *serviceCmd) reach(s *shell) *courier.HTTP {
	if c.hall == nil {
		c.hall = &courier.HTTP{Base: c.Server, Lang: s.Lang}
	}
	return c.hall
}

// carry runs the service for one pair.
func (c *serviceCmd) carry(s *shell, a *agent.Agent, key string, service certhall.Service, pair certhall.Serial) (courier.Next, error, error) {
	t := &teller{shell: s, service: service}
	defer t.endLine()
	hall := c.reach(s)
	hall.Heard = t.heard
	run := courier.Run{
		Server: hall, Agent: courier.Patient{Agent: &courier.Succession{Agent: a, List: hall.OriginList}, Patience: s.patience()},
		Person: &asked{shell: s, c: c, t: t, facts: hall.Facts}, Progress: t.progress,
		KeySerial: key, Service: service, Serial: pair,
	}
	return run.Do(s.ctx)
}

// asked answers the hall's questions.
type asked struct {
	*shell
	c     *serviceCmd
	t     *teller
	facts func(context.Context) (courier.Facts, error) // of the hall
	named bool                                         // he has named the phone of this case
}

var (
	errNoCode  = certhall.NewError("cli-no-code", certhall.Unavailable)
	errNoPhone = certhall.NewError("cli-no-phone", certhall.Invalid)
)

func (q *asked) Answer(ctx context.Context, a courier.Ask, problem *certhall.Error) (courier.Answer, error) {
	if a.Kind == courier.AskPay {
		return q.pay(ctx, a, problem)
	}
	scripted := q.c.CodeFD >= 0 || q.c.CodeFile != ""
	if problem != nil {
		if scripted || !q.interactive() || a.Kind == courier.AskCode && (!a.Sent || a.TriesLeft == 0) {
			return courier.Answer{}, problem // what was done would be done again
		}
		message, hint := q.words(problem)
		q.note("cli.problem", "message", message, "hint", hint)
	}
	if a.Kind == courier.AskPhone {
		return q.phone(a)
	}
	if !a.Sent {
		if !scripted && !q.interactive() {
			return courier.Answer{}, errNoCode // nobody could type it: none is sent
		}
		other, err := q.otherPhone(a, scripted)
		if err != nil {
			return courier.Answer{}, err
		}
		if other != "" {
			a.Phone, a.ResendAfter = other, 0
		}
		if a.ResendAfter > 0 { // the phone got a code for another case just now
			q.note("cli.code-waiting", "phone", a.Phone, "seconds", strconv.Itoa(a.ResendAfter))
			if err := courier.Sleep(ctx, time.Duration(a.ResendAfter)*time.Second); err != nil {
				return courier.Answer{}, err
			}
		}
		if info, err := os.Stat(q.c.CodeFile); err == nil {
			q.secrets.mark = info.Size()
		}
		q.note("cli.code-sending", "phone", a.Phone)
		return courier.Answer{Phone: other, SendCode: true}, nil
	}
	code, err := q.code(ctx, a)
	return courier.Answer{Code: code, SendCode: code == ""}, err
}

// otherPhone is a number to send the code to instead of the one on record,
// where the hall lets any do; "" for that one, or the one just named.
func (q *asked) otherPhone(a courier.Ask, scripted bool) (string, error) {
	if !a.AnyPhone || q.named {
		return "", nil
	}
	if q.c.Phone != "" || scripted || !q.interactive() {
		return q.c.Phone, nil
	}
	return q.ask(q.text("cli.phone.any", "phone", a.Phone))
}

func (q *asked) phone(a courier.Ask) (courier.Answer, error) {
	q.named = true
	if q.c.Phone != "" {
		return courier.Answer{Phone: q.c.Phone}, nil
	}
	if !q.interactive() {
		return courier.Answer{}, errNoPhone.With("choices", strings.Join(a.Choices, ", "))
	}
	line, err := q.ask(q.text("cli.phone", "choices", strings.Join(a.Choices, " ")))
	return courier.Answer{Phone: line}, err
}

func (q *asked) code(ctx context.Context, a courier.Ask) (string, error) {
	switch {
	case q.c.CodeFile != "":
		return q.codeFromFile(ctx, q.c.CodeFile)
	case q.c.CodeFD >= 0:
		line, err := q.nextLine(q.c.CodeFD)
		if err != nil {
			return "", errNoCode.Because(err)
		}
		return line, nil
	case !q.interactive():
		return "", errNoCode
	}
	return q.ask(q.text("cli.code", "phone", a.Phone, "tries", strconv.Itoa(a.TriesLeft)))
}

// readRoots reads the authority's certificates: PEM (several) or DER.
func readRoots(path string) ([]*smx509.Certificate, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, errFile.With("file", path).Because(err)
	}
	roots, err := trust.Certificates(data)
	if err != nil {
		return nil, errFile.With("file", path).Because(err)
	}
	return roots, nil
}

// skewed is how far the PC's clock may be off before it is mentioned.
const skewed = 5 * time.Minute
