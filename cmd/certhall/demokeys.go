package main

import (
	"errors"
	"os"

	"github.com/certhall/certhall/demo"
	"github.com/certhall/certhall/desk/token/driverhost"
	"github.com/certhall/certhall/gm"
)

// make makes the demo; the keys behind libraries that are plugged in get
// certificates too.
func (c *demoCmd) make(env *environment, base string) (err error) {
	if len(c.Library) == 0 || c.KeyPIN == "" {
		return demo.Make(env.ctx, c.Dir, base, c.Handler, env.random)
	}
	table, err := driverhost.Known()
	if err != nil {
		return err
	}
	var libraries []driverhost.Library
	for _, name := range c.Library {
		l, err := table.Named(name)
		if err != nil {
			return err
		}
		libraries = append(libraries, l)
	}
	host, err := driverhost.Open(driverhost.Options{Libraries: libraries, Command: []string{beside("certhall-agent"), "driver-host"}, Clock: env.clock, Log: env.log})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, host.Close()) }()
	keys, err := c.plugged(env, host)
	if err != nil {
		return err
	}
	return demo.Make(env.ctx, c.Dir, base, c.Handler, env.random, keys...)
}

// plugged are the keys behind libraries with the kinds of certificates that go
// onto them: SM2 through SKF, RSA and P-256 through PKCS #11.
func (c *demoCmd) plugged(env *environment, host *driverhost.Host) (keys []demo.Plugged, err error) {
	file, err := os.Open(c.KeyPIN)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	pin, err := firstLine(file)
	if err != nil {
		return nil, err
	}
	infos, err := host.List(env.ctx)
	for _, info := range infos {
		if info.Trouble != nil {
			env.log.Warn("key left out", "library", info.Library, "key", info.Serial, "cause", info.Trouble.Code)
			continue
		}
		kinds := []gm.Algorithm{gm.RSA, gm.ECDSA}
		if info.Driver == driverhost.SKF {
			kinds = []gm.Algorithm{gm.SM2}
		}
		keys = append(keys, demo.Plugged{Keys: host, Serial: info.Serial, PIN: string(pin), Kinds: kinds})
	}
	return keys, err
}
