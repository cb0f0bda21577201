package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/demo"
	"github.com/certhall/certhall/hall/notify"
)

// demoCmd runs everything with an authority of its own. It is the one place
// that prints PINs and SMS codes.
type demoCmd struct {
	Dir       string   `default:".demo" env:"CERTHALL_DEMO" help:"State folder of the demo; made at the first start."`
	Listen    string   `default:"127.0.0.1:8083" help:"Loopback address to listen on; port 0 chooses a free one."`
	Public    string   `help:"Public address, such as https://portal.test:8443; default is where it listens."`
	TLSCert   string   `name:"tls-cert" help:"Certificate chain, PEM."`
	TLSKey    string   `name:"tls-key" help:"Key, PEM."`
	Agent     bool     `default:"true" negatable:"" help:"Start the agent of the handler's PC too."`
	AgentPort []int    `name:"agent-port" help:"Port of 127.0.0.1 where the agent serves and pages look for it; may be repeated. Default 17083, 27083, 37083."`
	Handler   bool     `default:"true" negatable:"" help:"Have the handler on record for the demo's certificates when it is made; without, whoever has the key and proves a phone becomes it."`
	PayPort   int      `name:"pay-port" help:"Port of 127.0.0.1 of the trial payment; default is a free one."`
	Library   []string `sep:"none" env:"CERTHALL_LIBRARY" placeholder:"KIND:PATH" help:"Reach keys through this library too, KIND skf or pkcs11, as certhall-agent does; when the demo is made, they get certificates. May be repeated."`
	KeyPIN    string   `name:"key-pin" type:"existingfile" placeholder:"FILE" help:"First line: the PIN of the keys behind libraries, to put certificates on them."`
	Reset     bool     `help:"Remove the demo's state and end."`
}

func (c *demoCmd) Run(env *environment) error {
	if c.Reset {
		if err := demo.Reset(c.Dir); err != nil {
			return err
		}
		env.say("cli.demo-reset", "dir", c.Dir)
		return nil
	}
	env.log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	listen := listenFlags{Listen: c.Listen, TLSCert: c.TLSCert, TLSKey: c.TLSKey, MetricsFrom: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
	at, err := listen.open(env)
	if err != nil {
		return err
	}
	defer at.Close()
	base := cmp.Or(c.Public, listen.address(at))
	if !demo.IsComplete(c.Dir) {
		env.say("cli.demo-making", "dir", c.Dir)
		if err := c.make(env, base); err != nil {
			return err
		}
	}
	lock, err := demo.Lock(c.Dir)
	if err != nil {
		return err
	}
	defer lock.Close()
	pay, err := openDemoPay(env, c.Dir, c.PayPort, listen.address(at))
	if err != nil {
		return err
	}
	defer pay.listener.Close()
	h, err := openHouse(env, houseFlags{
		roleFlags: roleFlags{[]string{roleHall, roleIssue, rolePublish}}, stateFlags: stateFlags{Dir: c.Dir},
		hallFlags: hallFlags{
			SMS: "outbox", AgentPort: c.AgentPort, Contact: env.text("cli.demo-contact"), origin: base,
			paymentFlags: pay.flags, mailFlags: mailFlags{Mail: "outbox"}, ProofOfWork: 20000,
		},
	}, true)
	if err != nil {
		return err
	}
	defer closing(env.log, "databases", h.close)
	if err := c.unseal(env, h); err != nil {
		return err
	}
	if err := c.trust(env, h.authority); err != nil {
		return err
	}
	if err := c.introduce(env, base, pay.flags.payPage); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(env.ctx)
	var beside sync.WaitGroup
	defer beside.Wait()
	defer stop()
	beside.Go(func() { c.showMessages(ctx, env, h.hall.outbox) })
	beside.Go(func() {
		if err := pay.run(ctx, env); err != nil {
			env.log.Error("payment sandbox", "cause", err)
		}
	})
	if c.Agent {
		beside.Go(func() { c.runAgent(ctx, env) })
	}
	return h.run(ctx, at, listen)
}

// unseal hands the passphrase on as production does: by descriptor.
func (c *demoCmd) unseal(env *environment, h *house) error {
	file, err := demo.Passphrase(c.Dir)
	if err != nil {
		return err
	}
	defer file.Close()
	pass, err := firstLine(file)
	if err != nil {
		return err
	}
	return h.authority.unseal(env.ctx, pass)
}

// introduce prints the addresses, keys and PINs.
func (c *demoCmd) introduce(env *environment, base, payPage string) error {
	env.say("cli.demo-running", "address", base, "dir", c.Dir)
	people, err := demo.People(c.Dir)
	if err != nil {
		return err
	}
	for _, p := range people {
		env.say("cli.demo-person", "who", env.text("cli.demo-"+p.Role), "file", filepath.Join(c.Dir, p.File), "serial", p.Serial, "pin", p.PIN)
	}
	env.say("cli.demo-unlock", "page", base+"/#/unlock", "dir", c.Dir)
	env.say("cli.demo-pay", "page", payPage)
	env.say("cli.demo-phone", "phone", demo.Phone, "name", demo.UserName, "first", demo.Phone[len(demo.Phone)-6:], "other", demo.OtherPhone)
	return nil
}

// showMessages prints what the outbox would have sent, as it comes.
func (c *demoCmd) showMessages(ctx context.Context, env *environment, outbox *notify.Outbox) {
	after := env.clock.Now()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		messages, err := outbox.Since(ctx, after)
		if err != nil && ctx.Err() == nil {
			env.log.Error("outbox", "cause", err)
		}
		for _, m := range messages {
			after = m.At
			kind, to := "SMS", m.Phone
			if m.Mail != "" {
				kind, to = "mail", m.Mail
			}
			var vars []string
			for name, value := range m.Vars {
				vars = append(vars, name, value)
			}
			fmt.Fprintf(env.out, "[%s] %s %s: %s\n", kind, m.At.In(certhall.Beijing).Format(time.TimeOnly), to, env.text("cli.demo-sms."+m.Template, vars...))
		}
	}
}
