package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/certhall/certhall/hall/catalog"
	hallstore "github.com/certhall/certhall/store/hall"
	"github.com/certhall/certhall/store/sqldb"
)

// catalogCmd is how the catalogue is edited: export it, change the file, import
// that.
type catalogCmd struct {
	Check    catalogCheckCmd    `cmd:"" help:"Check a file: every fault at once. No database is needed."`
	Import   catalogImportCmd   `cmd:"" help:"Make a file the version that counts from now on. Orders keep the prices they were made at."`
	Export   catalogExportCmd   `cmd:"" help:"Write a version as a file, the pictures beside it."`
	Show     catalogShowCmd     `cmd:"" help:"List services with their prices."`
	Versions catalogVersionsCmd `cmd:"" help:"List all versions: when, by whom, why."`
}

// loadCatalog reads a file; its faults are printed.
func loadCatalog(env *environment, file string) (*catalog.Draft, error) {
	dir, name := filepath.Split(file)
	draft, err := catalog.Load(os.DirFS(cmp.Or(dir, ".")), name, catalog.Protocol)
	var wrong catalog.Faults
	if !errors.As(err, &wrong) {
		return draft, err
	}
	for _, f := range wrong {
		where := f.Where
		if f.Line > 0 {
			where = strings.TrimSpace(env.text("cli.catalog-line", "line", count(f.Line)) + " " + where)
		}
		fmt.Fprintf(env.out, "%s\n    %s\n", where, env.text("catalog.fault."+f.What, pairs(f.Params)...))
	}
	return nil, err
}

// pairs are a text's values as environment.text takes them.
func pairs(params map[string]string) (all []string) {
	for name, value := range params {
		all = append(all, name, value)
	}
	return all
}

type catalogCheckCmd struct {
	File string `arg:"" type:"path" help:"The catalogue, TOML."`
}

func (c *catalogCheckCmd) Run(env *environment) error {
	draft, err := loadCatalog(env, c.File)
	if err != nil {
		return err
	}
	env.say("cli.catalog-sound", "file", c.File, "offers", count(len(draft.Catalog.Offers)), "pictures", count(len(draft.Pictures)))
	return nil
}

// catalogFlags are those of commands that reach the hall's database.
type catalogFlags struct {
	officeFlags
	HallDB string `name:"hall-db" help:"Database of the hall; default in the state folder."`
}

// openDesk opens the hall's catalogue; toWrite, it is brought up to date and may
// be the first thing that a hall gets.
func (f catalogFlags) openDesk(env *environment, toWrite bool) (catalog.Desk, func(), error) {
	var db *sqldb.DB
	address := storeFlags{f.stateFlags, f.HallDB}.hallAddress()
	var err error
	if toWrite {
		if f.HallDB == "" {
			if _, err := f.public(); err != nil {
				return catalog.Desk{}, nil, err
			}
		}
		db, err = openStore(env, address, hallstore.Migrations())
	} else if db, err = openExisting(env, address); err == nil {
		if err = sqldb.Current(env.ctx, db, hallstore.Migrations()); err != nil {
			err = errors.Join(err, db.Close())
		}
	}
	if err != nil {
		return catalog.Desk{}, nil, err
	}
	return catalog.Desk{Archive: hallstore.New(db, nil).Catalogs(), Clock: env.clock}, func() { closing(env.log, "database", db.Close) }, nil
}

type catalogShowCmd struct {
	catalogFlags
	tableFlags
	Version int64 `help:"Which version; default is the one that counts."`
}

func (c *catalogShowCmd) Run(env *environment) error {
	desk, done, err := c.openDesk(env, false)
	if err != nil {
		return err
	}
	defer done()
	all, err := desk.Version(env.ctx, c.Version)
	if err != nil {
		return err
	}
	if all.Version == 0 {
		env.note("cli.catalog-none")
	}
	t := newTable("project", "brand", "service", "type", "price", "years")
	for _, o := range all.Offers {
		for _, p := range o.Products {
			t.add(o.Project, o.Brand, env.text("cli.value.service."+string(p.Service)), p.Type, p.Price.String(), strings.Trim(fmt.Sprint(p.Years), "[]"))
		}
	}
	return t.write(env, c.tableFlags)
}

type catalogVersionsCmd struct {
	catalogFlags
	tableFlags
}

func (c *catalogVersionsCmd) Run(env *environment) error {
	desk, done, err := c.openDesk(env, false)
	if err != nil {
		return err
	}
	defer done()
	all, err := desk.Archive.Editions(env.ctx)
	if err != nil {
		return err
	}
	t := newTable("version", "at", "operator", "reason")
	for _, e := range all {
		t.add(fmt.Sprint(e.Version), moment(e.At), e.Operator, e.Reason)
	}
	return t.write(env, c.tableFlags)
}
