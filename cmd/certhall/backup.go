package main

import (
	"strings"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/store/backup"
)

// backupCmd copies both databases and the state folder's files into one file,
// or looks through such a file.
type backupCmd struct {
	Take   backupTakeCmd   `cmd:"" default:"withargs" help:"Take a backup. The server may run."`
	Verify backupVerifyCmd `cmd:"" help:"Check a backup from beginning to end without restoring it."`
}

type backupTakeCmd struct {
	storeFlags
	Out         string `required:"" help:"File to write; must not exist. It holds keys and people's data: keep it encrypted."`
	Only        string `enum:"both,authority,hall" default:"both" help:"Which database to copy, where a machine reaches only one: authority, hall, or both."`
	WithoutKeys bool   `help:"Leave out the authority's keys and other secret files."`
}

func (c *backupTakeCmd) Run(env *environment) error {
	authority, hall, err := c.openStores(env, c.Only)
	if err != nil {
		return err
	}
	defer closeStores(env, authority, hall)
	now := env.clock.Now()
	m, err := backup.Write(env.ctx, c.Out, backup.Source{
		Dir: c.Dir, Hall: hall, Authority: authority, Keys: !c.WithoutKeys,
		ID: certhall.NewID(now, env.random), Program: version(), TakenAt: now,
	})
	if err != nil {
		return err
	}
	env.say("cli.backup-done", "file", c.Out)
	showManifest(env, &m)
	return nil
}

type backupVerifyCmd struct {
	File string `arg:"" help:"The backup."`
}

func (c *backupVerifyCmd) Run(env *environment) error {
	m, err := backup.Verify(c.File)
	if err != nil {
		return err
	}
	env.say("cli.backup-whole", "file", c.File)
	showManifest(env, m)
	return nil
}

// showManifest tells what an archive holds.
func showManifest(env *environment, m *backup.Manifest) {
	env.say("cli.backup-about", "id", m.ID, "taken_at", moment(m.TakenAt), "program", m.Program, "files", count(len(m.Files)))
	if s, ok := m.Stores[backup.Hall]; ok {
		env.say("cli.backup-hall", "rows", count(s.Rows()))
	}
	if s, ok := m.Stores[backup.Authority]; ok {
		env.say("cli.backup-authority", "rows", count(s.Rows()), "record", count(s.Chain.Seq))
	}
	if !m.Keys {
		env.say("cli.backup-no-keys")
	}
	if len(m.LeftOut) > 0 {
		env.say("cli.backup-left-out", "files", strings.Join(m.LeftOut, " "))
	}
}
