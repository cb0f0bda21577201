package main

// serveOptions are what serve is run with: each is a flag and a key of the
// configuration file.
type serveOptions struct {
	Config settingsFlag `type:"path" help:"Configuration file, TOML: its keys are these flags, which win over it."`
	houseFlags
	listenFlags
	logFlags
}

// serveCmd runs the server of a founded authority, or some of its roles.
type serveCmd struct {
	serveOptions
	passphraseFlags
}

func (c *serveCmd) Run(env *environment) error {
	env.log = c.logger()
	at, err := c.listenFlags.open(env)
	if err != nil {
		return err
	}
	defer at.Close()
	h, err := openHouse(env, c.houseFlags, false)
	if err != nil {
		return err
	}
	defer closing(env.log, "databases", h.close)
	if err := c.unseal(env, h); err != nil {
		return err
	}
	env.say("cli.serve-ready", "address", at.Addr().String())
	return h.run(env.ctx, at, c.listenFlags)
}

// unseal opens the authority's keys, where this process has any and a
// passphrase is at hand.
func (c *serveCmd) unseal(env *environment, h *house) error {
	if h.authority == nil {
		return nil
	}
	pass, err := c.existing(env)
	if err != nil {
		return err
	}
	if pass == nil {
		env.say("cli.serve-sealed")
		return nil
	}
	return h.authority.unseal(env.ctx, pass)
}
