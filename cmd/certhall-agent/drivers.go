package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/desk/agent"
	"github.com/certhall/certhall/desk/doctor"
	"github.com/certhall/certhall/desk/token/driverhost"
	"github.com/certhall/certhall/desk/token/softkey"
)

// driverFlags say which libraries reach keys.
type driverFlags struct {
	Drivers string   `type:"path" env:"CERTHALL_DRIVERS" placeholder:"FILE" help:"More libraries of makers of keys (default: certhall/drivers.toml in the user's configuration folder, if it is there)."`
	Library []string `sep:"none" env:"CERTHALL_LIBRARY" placeholder:"KIND:PATH" help:"Reach keys through this library, KIND skf or pkcs11; may be repeated. Known ones are named by NAME or NAME:PATH."`
}

// libraries are those that are named and those of the table that are here.
func (f driverFlags) libraries() ([]driverhost.Library, error) {
	var files []string
	if f.Drivers != "" {
		files = []string{f.Drivers}
	} else if dir, err := os.UserConfigDir(); err == nil {
		file := filepath.Join(dir, "certhall", "drivers.toml")
		if _, err := os.Stat(file); err == nil {
			files = []string{file}
		}
	}
	table, err := driverhost.Known(files...)
	if err != nil {
		return nil, err
	}
	var all []driverhost.Library
	named := map[string]bool{}
	for _, name := range f.Library {
		l, err := table.Named(name)
		if err != nil {
			return nil, err
		}
		named[l.Name] = true
		all = append(all, l)
	}
	for _, l := range table.Found() {
		if !named[l.Name] {
			all = append(all, l)
		}
	}
	return all, nil
}

// keys are all that are plugged in: soft keys of the folder, and whatever the
// libraries reach.
func (s *shell) keys() (*driverhost.Host, error) {
	if s.host != nil {
		return s.host, nil
	}
	libraries, err := s.libraries()
	if err != nil {
		return nil, err
	}
	s.host, err = driverhost.Open(driverhost.Options{
		Libraries: libraries, Folder: softkey.Folder(s.Keys), Record: s.record, Clock: s.clock, Log: s.driverLog,
	})
	return s.host, err
}

// chosen are all keys, or the one that the flag names.
func (f keyFlag) chosen(s *shell) (agent.Keys, error) {
	if f.Key == "" {
		return s.keys()
	}
	keys, serial, err := f.find(s)
	if err != nil {
		return nil, err
	}
	return only{keys, serial}, nil
}

// locks is the folder in which all processes of this user lock keys, never one
// that others write to. Where he names a folder of soft keys it is beside them:
// two demos have keys of the same serials. Where he has no cache, too. Its name
// is hidden there, so that whoever copies his keys copies keys alone.
func (s *shell) locks() string {
	dir, err := os.UserCacheDir()
	if err != nil || !s.ownKeys {
		return filepath.Join(s.Keys, ".locks")
	}
	return filepath.Join(dir, "certhall", "locks")
}

// unlocking is the folder where requests to unlock keys wait for their answers;
// "" where the user has no place for them.
func unlocking() string {
	dir, err := os.UserConfigDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "certhall", "unlocking")
}

// driversCmd tells which libraries there are.
type driversCmd struct{}

type driverJSON struct {
	Event   string `json:"event"`
	Name    string `json:"name"`
	Kind    string `json:"kind"`
	Path    string `json:"path"`
	Arch    string `json:"arch,omitempty"`
	Keys    int    `json:"keys"`
	Trouble string `json:"trouble,omitempty"`
}

// Run loads each library and tells how it does.
func (c *driversCmd) Run(s *shell) error {
	host, err := s.keys()
	if err != nil {
		return err
	}
	states := host.Libraries(s.ctx)
	if len(states) == 0 {
		s.say("cli.drivers.none")
	}
	for _, l := range states {
		d := driverJSON{Event: "driver", Name: l.Name, Kind: l.Kind, Path: l.Path, Arch: l.Arch, Keys: l.Keys}
		said := s.text("cli.drivers.fine", "count", fmt.Sprint(l.Keys))
		if l.Err != nil {
			e := certhall.AsError(l.Err)
			message, hint := s.words(e)
			d.Trouble, said = e.Code, message+"\n    → "+hint
		}
		if s.JSON {
			s.line(d)
			continue
		}
		fmt.Fprintf(s.out, "%s  %s  %s  %s\n    %s\n", l.Name, l.Kind, l.Arch, l.Path, said)
	}
	return nil
}

// driverHostCmd is the child in which a library runs.
type driverHostCmd struct{}

// Run serves the parent until it is gone.
func (driverHostCmd) Run() error { return driverhost.Serve(os.Stdin, os.Stdout) }

// examined are the libraries as the doctor tells of them.
func examined(states []driverhost.State) []doctor.Driver {
	var all []doctor.Driver
	for _, l := range states {
		all = append(all, doctor.Driver{Name: l.Name, Kind: l.Kind, Path: l.Path, Arch: l.Arch, Err: l.Err})
	}
	return all
}
