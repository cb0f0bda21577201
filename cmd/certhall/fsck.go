package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/certhall/certhall/store/fsck"
	"github.com/certhall/certhall/store/sqldb"
)

// fsckCmd states the invariants and checks them; it reads only, and may run
// beside a server.
type fsckCmd struct {
	stateFlags
	HallDB string `name:"hall-db" help:"Database of the hall; default in the state folder."`
}

// findings is how a check ends that found something.
type findings int

func (f findings) Error() string { return fmt.Sprintf("%d findings", int(f)) }

func (c *fsckCmd) Run(env *environment) error {
	authority, err := openExisting(env, c.authorityAddress())
	if err != nil {
		return err
	}
	defer authority.Close()
	hallAddress := c.HallDB
	if hallAddress == "" {
		hallAddress = "sqlite:" + filepath.Join(c.Dir, hallDB)
	}
	hall, err := openExisting(env, hallAddress)
	if err != nil && (c.HallDB != "" || !errors.Is(err, errNoFolder)) {
		return err
	}
	if hall != nil { // an authority founded just now has no hall yet
		defer hall.Close()
	}
	found, err := fsck.Check(env.ctx, authority, hall)
	if err != nil {
		return err
	}
	broken := map[string]int{}
	for _, f := range found {
		broken[f.Rule]++
	}
	for _, rule := range fsck.Rules() {
		mark := "ok"
		switch {
		case broken[rule.Key] > 0:
			mark = "BROKEN"
		case hall == nil && (strings.HasPrefix(rule.Key, "hall-") || strings.HasPrefix(rule.Key, "both-")):
			mark = "-" // there is no hall yet
		}
		fmt.Fprintf(env.out, "%-8s%s\n", mark, env.text("cli.fsck."+rule.Key))
		for _, f := range found {
			if f.Rule == rule.Key {
				fmt.Fprintf(env.out, "        %s\n", f.Where)
			}
		}
	}
	if len(found) > 0 {
		return findings(len(found))
	}
	return nil
}

// openExisting opens a database, but makes none.
func openExisting(env *environment, address string) (*sqldb.DB, error) {
	if path, ok := strings.CutPrefix(address, "sqlite:"); ok {
		if _, err := os.Stat(path); err != nil {
			return nil, errNoFolder.With("dir", filepath.Dir(path)).Because(err)
		}
	}
	return sqldb.Open(env.ctx, address)
}
