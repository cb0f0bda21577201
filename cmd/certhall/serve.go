package main

import "github.com/certhall/certhall/demo"

// serveCmd runs the server of a founded authority.
type serveCmd struct {
	stateFlags
	listenFlags
	passphraseFlags
	hallFlags
}

func (c *serveCmd) Run(env *environment) error {
	if demo.IsComplete(c.Dir) {
		return errDemoFolder.With("dir", c.Dir)
	}
	l, err := c.open()
	if err != nil {
		return err
	}
	defer l.Close()
	h, err := openHouse(env, c.stateFlags, c.hallFlags, false)
	if err != nil {
		return err
	}
	defer closing(env.log, "databases", h.close)
	pass, err := c.existing(env)
	if err != nil {
		return err
	}
	if pass == nil {
		env.say("cli.serve-sealed")
	} else if err := h.authority.unseal(env.ctx, pass); err != nil {
		return err
	}
	env.say("cli.serve-ready", "address", l.Addr().String())
	return h.run(env.ctx, c.listenFlags, l)
}
