// Package driverhost reaches keys through C libraries, each in a child process
// of its own: a library that hangs or crashes takes the child with it, its user
// is told so by name, and the next use begins another. The table of known
// libraries is data (libraries.toml).
package driverhost

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/desk/token/native"
)

// ErrTable says what is wrong in a configuration of libraries (parameters file, cause).
var ErrTable = certhall.NewError("drivers-table", certhall.Invalid)

// The kinds of library.
const (
	SKF    = "skf"    // GM/T 0016
	PKCS11 = "pkcs11" // PKCS #11 v2.40
)

// Entry is what is known of a library; libraries.toml tells the form.
type Entry struct {
	Name        string              `toml:"name"`
	Kind        string              `toml:"kind"`
	OnRequest   *bool               `toml:"on_request"`
	Off         bool                `toml:"off"`
	Overruns    *bool               `toml:"overruns"`
	Paths       map[string][]string `toml:"paths"` // by platform: linux, or linux/amd64
	Environment map[string]string   `toml:"environment"`
	Profile     map[string]any      `toml:"profile"`
}

//go:embed libraries.toml
var known []byte

// Table is all entries, by name.
type Table []Entry

// Known is the table that comes with the program, extended by configuration
// files: ErrTable.
func Known(files ...string) (Table, error) {
	table, err := Table(nil).extend("libraries.toml", known)
	for _, file := range files {
		if err != nil {
			return nil, err
		}
		var data []byte
		if data, err = os.ReadFile(file); err != nil {
			return nil, ErrTable.With("file", file).With("cause", err.Error())
		}
		table, err = table.extend(file, data)
	}
	return table, err
}

func (t Table) extend(file string, data []byte) (Table, error) {
	wrong := func(err error) error { return ErrTable.With("file", file).With("cause", err.Error()) }
	var read struct {
		Library []Entry `toml:"library"`
	}
	meta, err := toml.Decode(string(data), &read)
	if err != nil {
		return nil, wrong(err)
	}
	for _, key := range meta.Undecoded() {
		return nil, wrong(fmt.Errorf("nothing is called %s", key))
	}
	t = slices.Clone(t)
	seen := map[string]bool{}
	for _, e := range read.Library {
		if seen[e.Name] {
			return nil, wrong(fmt.Errorf("two entries are called %q", e.Name))
		}
		seen[e.Name] = true
		at := slices.IndexFunc(t, func(other Entry) bool { return other.Name == e.Name })
		if at < 0 {
			at, t = len(t), append(t, Entry{})
		}
		t[at] = t[at].with(e)
		if err := t[at].check(); err != nil {
			return nil, wrong(err)
		}
	}
	return slices.DeleteFunc(t, func(e Entry) bool { return e.Off }), nil
}

// with is e where over gives nothing.
func (e Entry) with(over Entry) Entry {
	merged := over
	if merged.Kind == "" {
		merged.Kind = e.Kind
	}
	if merged.OnRequest == nil {
		merged.OnRequest = e.OnRequest
	}
	if merged.Overruns == nil {
		merged.Overruns = e.Overruns
	}
	merged.Paths = overlay(e.Paths, over.Paths)
	merged.Environment = overlay(e.Environment, over.Environment)
	merged.Profile = overlay(e.Profile, over.Profile)
	return merged
}

func overlay[V any](under, over map[string]V) map[string]V {
	merged := maps.Clone(under)
	if merged == nil {
		merged = map[string]V{}
	}
	maps.Copy(merged, over)
	return merged
}

var (
	nameForm     = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,31}$`)
	platformForm = regexp.MustCompile(`^(linux|windows|darwin)(/(amd64|arm64|386|loong64|riscv64))?$`)
)

func (e Entry) check() error {
	switch {
	case !nameForm.MatchString(e.Name) || e.Name == SKF || e.Name == PKCS11:
		return fmt.Errorf("%q is no name", e.Name)
	case e.Kind != SKF && e.Kind != PKCS11:
		return fmt.Errorf("%s: kind %q is neither skf nor pkcs11", e.Name, e.Kind)
	}
	for platform, paths := range e.Paths {
		if !platformForm.MatchString(platform) {
			return fmt.Errorf("%s: %q is no platform", e.Name, platform)
		}
		for _, p := range paths {
			if bare := !strings.ContainsAny(p, `/\`); p == "" || !bare && !absolute(p) {
				return fmt.Errorf("%s: %q is neither absolute nor a file's name", e.Name, p)
			}
			if _, err := filepath.Match(p, ""); err != nil {
				return fmt.Errorf("%s: %q: %w", e.Name, p, err)
			}
		}
	}
	for name := range e.Environment {
		if name == "" || strings.ContainsAny(name, "=\x00") {
			return fmt.Errorf("%s: %q is no variable's name", e.Name, name)
		}
	}
	if _, err := e.quirks(); err != nil {
		return fmt.Errorf("%s: %w", e.Name, err)
	}
	return nil
}

// absolute tells whether a path of any platform leads from the top.
func absolute(p string) bool {
	drive := len(p) > 2 && p[1] == ':'
	return strings.HasPrefix(p, "/") || strings.HasPrefix(p, `\\`) || strings.HasPrefix(p, "${") || drive
}

// quirks are what the driver host needs of the profile, and the profile itself
// in the form in which it is handed on.
type quirks struct {
	Options native.Options
	Profile json.RawMessage
}

func (e Entry) quirks() (quirks, error) {
	profile, err := json.Marshal(e.Profile)
	if err != nil {
		return quirks{}, err
	}
	var calls struct {
		ULong int `json:"ulong"`
	}
	if err := json.Unmarshal(profile, &calls); err != nil {
		return quirks{}, err
	}
	if err := kinds[e.Kind].check(profile); err != nil {
		return quirks{}, err
	}
	if calls.ULong != 0 && calls.ULong != 4 && calls.ULong != 8 {
		return quirks{}, fmt.Errorf("a ULONG of %d bytes", calls.ULong)
	}
	o := native.Options{ULong: calls.ULong, Overruns: e.Overruns != nil && *e.Overruns}
	return quirks{o, profile}, nil
}
