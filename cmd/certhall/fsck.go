package main

import (
	"fmt"
	"strings"

	"github.com/certhall/certhall/store/fsck"
)

// fsckCmd states the invariants and checks them; it reads only, and may run
// beside a server.
type fsckCmd struct {
	storeFlags
}

// findings is how a check ends that found something.
type findings int

func (f findings) Error() string { return fmt.Sprintf("%d findings", int(f)) }

func (c *fsckCmd) Run(env *environment) error {
	authority, hall, err := c.openStores(env, "both")
	if err != nil {
		return err
	}
	defer closeStores(env, authority, hall)
	found, err := fsck.Check(env.ctx, authority, hall)
	if err != nil {
		return err
	}
	return showFindings(env, found, hall != nil)
}

// showFindings tells of every rule whether it holds.
func showFindings(env *environment, found []fsck.Finding, withHall bool) error {
	broken := map[string]int{}
	for _, f := range found {
		broken[f.Rule]++
	}
	for _, rule := range fsck.Rules() {
		mark := "ok"
		switch {
		case broken[rule.Key] > 0:
			mark = "BROKEN"
		case !withHall && (strings.HasPrefix(rule.Key, "hall-") || strings.HasPrefix(rule.Key, "both-")):
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
