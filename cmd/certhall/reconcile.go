package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority/audit"
	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/durable"
)

// reconcileCmd revokes what was given away after the backup that an authority
// was restored from.
type reconcileCmd struct {
	stateFlags
	sourceFlags
	None   bool   `help:"Nothing was given away after the backup, or nothing is known of it; --reason says why."`
	Reason string `help:"Why --none is right, for the record."`
}

var (
	errNoSources     = certhall.NewError("reconcile-sources", certhall.Invalid)
	errSerialLine    = certhall.NewError("serial-line", certhall.Invalid)    // file, line
	errCRL           = certhall.NewError("crl-unreadable", certhall.Invalid) // file
	errCRLIssuer     = certhall.NewError("crl-of-another", certhall.Invalid) // file
	errIssuerUnknown = certhall.NewError("issuer-unknown", certhall.Invalid) // name
)

func (c *reconcileCmd) Run(env *environment) error {
	if c.None != c.silent() || c.None && strings.TrimSpace(c.Reason) == "" {
		return errNoSources
	}
	w, err := c.openAuthority(env, "", true)
	if err != nil {
		return err
	}
	defer closing(env.log, "database", w.close)
	s, err := c.read(w.published)
	if err != nil {
		return err
	}
	last, err := lastKept(env, w.store)
	if err != nil {
		return err
	}
	done, err := w.ca.Reconcile(env.ctx, s.all(), ca.Reconciliation{Sources: s.names, Reason: c.Reason, LostTo: s.behind(last)})
	if err != nil {
		return err
	}
	if err := c.keepJournal(); err != nil {
		return err
	}
	s.tellRecords(env, last)
	env.say("cli.reconciled", "known", count(done.Known), "lost", count(done.Lost), "before", count(done.Before), "revoked", count(done.Revoked))
	tellSerials(env, done.LostSerials)
	return nil
}

// keepJournal lets the journal of the lost database go on beside the restored
// one, unless another was begun there.
func (c *reconcileCmd) keepJournal() error {
	if len(c.Journal) == 0 {
		return nil
	}
	content, err := os.ReadFile(c.Journal[len(c.Journal)-1])
	if err != nil {
		return err
	}
	err = durable.Create(filepath.Join(c.Dir, audit.JournalName), content, durable.Secret)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}

// lastKept is the number of the last record that the backup had.
func lastKept(env *environment, store ca.Store) (last int64, err error) {
	err = store.Read(env.ctx, func(r ca.Reader) error {
		restored, err := r.Restoration()
		if err == nil && restored == nil {
			err = ca.ErrNotRestored
		}
		if err == nil {
			last = restored.Last
		}
		return err
	})
	return last, err
}

func tellSerials(env *environment, serials []certhall.Serial) {
	for _, serial := range serials {
		fmt.Fprintln(env.out, "    "+serial)
	}
}
