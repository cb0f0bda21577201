package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/durable"
	"github.com/certhall/certhall/hall/catalog"
)

type catalogImportCmd struct {
	catalogFlags
	File   string `arg:"" type:"path" help:"The catalogue, TOML; pictures beside it."`
	Reason string `required:"" help:"Why, for the history."`
	Force  bool   `help:"Overwrite what was imported since the file was exported."`
	Yes    bool   `short:"y" help:"Do not ask."`
}

func (c *catalogImportCmd) Run(env *environment) error {
	operator, err := c.operator()
	if err != nil {
		return err
	}
	draft, err := loadCatalog(env, c.File)
	if err != nil {
		return err
	}
	desk, done, err := c.openDesk(env, true)
	if err != nil {
		return err
	}
	defer done()
	counts, changes, err := desk.Compare(env.ctx, draft, c.Force)
	if err != nil {
		return err
	}
	if len(changes) == 0 {
		env.say("cli.catalog-same", "version", fmt.Sprint(counts.Version))
		return nil
	}
	t := newTable("where", "was", "becomes")
	for _, change := range changes {
		t.add(change.Where, change.Was, change.Is)
	}
	if err := t.write(env, tableFlags{}); err != nil {
		return err
	}
	if err := confirm(env, c.Yes, "cli.catalog-sure", "changes", count(len(changes)), "version", fmt.Sprint(counts.Version)); err != nil {
		return err
	}
	version, err := desk.Import(env.ctx, draft, counts.Version, operator, c.Reason)
	if err != nil {
		return err
	}
	env.say("cli.catalog-imported", "version", fmt.Sprint(version))
	return c.renumber(env, version)
}

// renumber lets the file name the version that it has become, so that it can be
// changed and imported again.
func (c *catalogImportCmd) renumber(env *environment, version int64) error {
	text, err := os.ReadFile(c.File)
	if err == nil {
		err = os.WriteFile(c.File, catalog.Renumber(text, version), 0o644) // an existing file keeps its mode
	}
	if err != nil { // the import is done all the same
		env.say("cli.catalog-renumber", "file", c.File, "version", fmt.Sprint(version))
	}
	return nil
}

type catalogExportCmd struct {
	catalogFlags
	File    string `arg:"" type:"path" help:"File to write, TOML; must not exist. Pictures are written beside it."`
	Version int64  `help:"Which version; default is the one that counts."`
}

var errCatalogThere = certhall.NewError("catalog-there", certhall.Conflict)

func (c *catalogExportCmd) Run(env *environment) error {
	desk, done, err := c.openDesk(env, false)
	if err != nil {
		return err
	}
	defer done()
	all, err := desk.Version(env.ctx, c.Version)
	if err != nil {
		return err
	}
	for _, name := range all.PictureNames() {
		if !filepath.IsLocal(name) { // imports take none: the database was tampered with
			return errOut.With("file", name)
		}
		p, err := desk.Archive.Picture(env.ctx, all.Pictures[name])
		if err != nil {
			return err
		}
		if err := place(filepath.Join(filepath.Dir(c.File), filepath.FromSlash(name)), p.Body); err != nil {
			return err
		}
	}
	if err := place(c.File, catalog.Write(all)); err != nil {
		return err
	}
	env.say("cli.catalog-exported", "file", c.File, "version", fmt.Sprint(all.Version), "pictures", count(len(all.PictureNames())))
	return nil
}

// place writes a file that is not there, or is there already as it should be.
func place(file string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return errOut.With("file", file).Because(err)
	}
	err := durable.Create(file, data, durable.Public)
	if errors.Is(err, fs.ErrExist) {
		if there, failed := os.ReadFile(file); failed == nil && bytes.Equal(there, data) {
			return nil
		}
		return errCatalogThere.With("file", file)
	}
	if err != nil {
		return errOut.With("file", file).Because(err)
	}
	return nil
}
