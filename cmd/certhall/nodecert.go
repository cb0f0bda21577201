package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority/nodes"
	"github.com/certhall/certhall/durable"
)

// nodeCertificateCmd makes what another machine needs to play a role: its
// internal certificate and, beside it, the files of the state folder that the
// role reads, and no others. Run again, it renews the certificate.
type nodeCertificateCmd struct {
	Dir  string `default:"." help:"State folder of the authority (certhall init)."`
	Role string `required:"" enum:"hall,issue,publish" help:"What the machine does: hall, issue or publish."`
	Name string `required:"" help:"Name of the machine, lower-case letters, digits and hyphens; shown in the certificate alone."`
	Out  string `required:"" help:"Folder to write: the state folder of that machine."`
	passphraseFlags
}

var errSameFolder = certhall.NewError("node-folder-own", certhall.Conflict)

// needed are the files of the state folder that a role reads, as patterns. No
// role but issue gets a key that signs certificates, tickets or receipts.
var needed = map[string][]string{
	nodes.Hall:    {authorityFolder + "/authority.json", authorityFolder + "/*.cer", authorityFolder + "/*.pub", hallSecret},
	nodes.Publish: {authorityFolder + "/authority.json", authorityFolder + "/*.cer", authorityFolder + "/*.pub", authorityFolder + "/*.crl", authorityFolder + "/ocsp*.key", authorityFolder + "/publish.secret"},
	nodes.Issue:   {authorityFolder + "/authority.json", authorityFolder + "/*.cer", authorityFolder + "/*.pub", authorityFolder + "/*.crl", authorityFolder + "/*.key", authorityFolder + "/publish.secret"},
}

func (c *nodeCertificateCmd) Run(env *environment) error {
	public, err := stateFlags{Dir: c.Dir}.public()
	if err != nil {
		return err
	}
	if here, err := filepath.Abs(c.Dir); err != nil {
		return err
	} else if there, err := filepath.Abs(c.Out); err != nil || here == there {
		return errors.Join(err, errSameFolder)
	}
	pass, err := c.existing(env)
	if err != nil {
		return err
	}
	if pass == nil {
		return errPassphraseMissing
	}
	own := filepath.Join(c.Dir, internalFolder)
	if _, err := os.Stat(nodes.CertificateFile(own, "ca")); errors.Is(err, fs.ErrNotExist) { // founded by an earlier release
		if err := foundInternal(env, own, public.ID, pass); err != nil {
			return err
		}
	}
	ca, err := nodes.ReadCA(own, pass)
	clear(pass)
	if err != nil {
		return err
	}
	node, err := ca.Issue(c.Role, c.Name, env.clock.Now(), env.random)
	if err != nil {
		return err
	}
	for _, pattern := range needed[c.Role] {
		if err := copyFiles(c.Dir, c.Out, pattern); err != nil {
			return err
		}
	}
	if err := nodes.WriteNode(filepath.Join(c.Out, internalFolder), c.Role, node, ca.Certificate); err != nil {
		return err
	}
	env.say("cli.node-made", "dir", c.Out, "role", c.Role,
		"serial", string(certhall.SerialOf(node.Certificate.SerialNumber)), "date", certhall.Date(node.Certificate.NotAfter))
	return nil
}

// foundInternal makes the internal CA and a first certificate for each role:
// what a second process on the same machine needs.
func foundInternal(env *environment, dir, authority string, pass []byte) error {
	ca, err := nodes.Found(authority, env.clock.Now(), env.random)
	if err != nil {
		return err
	}
	for _, role := range []string{nodes.Hall, nodes.Issue, nodes.Publish} {
		node, err := ca.Issue(role, "first", env.clock.Now(), env.random)
		if err == nil {
			err = nodes.WriteNode(dir, role, node, ca.Certificate)
		}
		if err != nil {
			return err
		}
	}
	return nodes.WriteCA(dir, ca, pass)
}

// copyFiles copies the files of a pattern with their modes.
func copyFiles(from, to, pattern string) error {
	found, err := filepath.Glob(filepath.Join(from, pattern))
	if err != nil {
		return err
	}
	for _, path := range found {
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return errFile.With("file", path).Because(err)
		}
		target := filepath.Join(to, name)
		if err := os.MkdirAll(filepath.Dir(target), 0o700); err != nil {
			return err
		}
		if err := durable.Replace(target, data, info.Mode().Perm()); err != nil {
			return err
		}
	}
	return nil
}
