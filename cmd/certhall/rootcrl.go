package main

import (
	"cmp"
	"path/filepath"
	"strings"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority/ceremony"
	"github.com/certhall/certhall/authority/status"
	"github.com/certhall/certhall/proof"
)

// rootCRLCmd makes a root's next CRL: every year, and when a certificate under
// the root is revoked. It needs the root's key, which is offline, and no database.
type rootCRLCmd struct {
	Dir              string   `default:"." help:"State folder (certhall init)."`
	Root             string   `default:"root" help:"Name of the root: root, root-rsa, root-p256."`
	RootKey          string   `type:"path" help:"The root's key; default NAME.key in the folder offline of the ceremony."`
	RootPassphraseFD int      `name:"root-passphrase-fd" default:"-1" help:"Read the passphrase of root and escrow from this file descriptor."`
	Revoke           []string `help:"Certificate under the root to revoke, SERIAL:reason (RFC 5280), such as 4c1f…:cACompromise; may be repeated."`
}

var errRevokeFlag = certhall.NewError("root-crl-revoke-malformed", certhall.Invalid)

// revokedByRoot reads SERIAL:reason.
func revokedByRoot(text string, now time.Time) (status.Entry, error) {
	serial, word, _ := strings.Cut(text, ":")
	e := status.Entry{Serial: certhall.SerialOf(certhall.Serial(strings.ToLower(serial)).Big()), At: now} // without leading zero octets
	reason, known := proof.ReasonCode(word)
	if e.Serial == "" || len(e.Serial) > 40 || !known {
		return e, errRevokeFlag.With("value", text)
	}
	e.Reason = reason
	return e, nil
}

func (c *rootCRLCmd) Run(env *environment) error {
	folder := filepath.Join(c.Dir, authorityFolder)
	public, err := (stateFlags{Dir: c.Dir}).public()
	if err != nil {
		return err
	}
	var revoke []status.Entry
	for _, text := range c.Revoke {
		e, err := revokedByRoot(text, env.clock.Now())
		if err != nil {
			return err
		}
		revoke = append(revoke, e)
	}
	pass, err := (passphraseFlags{c.RootPassphraseFD}).typed(env, "cli.passphrase-root-existing")
	if err != nil {
		return err
	}
	if pass == nil {
		return errPassphraseMissing
	}
	defer clear(pass)
	key := cmp.Or(c.RootKey, filepath.Join(folder, "offline", c.Root+".key"))
	if err := ceremony.RenewRootCRL(folder, c.Root, key, pass, revoke, env.clock, env.random); err != nil {
		return err
	}
	return c.tell(env, folder, public)
}

// tell says what is published now: whoever revokes sees whether it was the
// certificate that was meant.
func (c *rootCRLCmd) tell(env *environment, folder string, public ceremony.Public) error {
	shelf := status.RootShelf{Folder: folder, Roots: public.RootCertificates(), Clock: env.clock}
	l, err := shelf.List(c.Root)
	if err != nil {
		return err
	}
	env.say("cli.root-crl", "file", filepath.Join(folder, c.Root+".crl"), "number", l.Number.String(), "date", certhall.Date(l.NextUpdate))
	known := public.Known()
	for _, e := range l.RevokedCertificateEntries {
		serial := certhall.SerialOf(e.SerialNumber)
		name := known[serial]
		if name == "" {
			name = env.text("cli.root-crl-unknown")
		}
		env.say("cli.root-crl-entry", "serial", string(serial), "reason", proof.ReasonWord(e.ReasonCode), "name", name)
	}
	return nil
}
