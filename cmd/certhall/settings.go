package main

import (
	"cmp"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/alecthomas/kong"

	"github.com/certhall/certhall"
)

// What reading a configuration file answers beside success.
var (
	errConfig      = certhall.NewError("config-unreadable", certhall.Invalid)
	errConfigKey   = certhall.NewError("config-key-unknown", certhall.Invalid)
	errConfigValue = certhall.NewError("config-value-wrong", certhall.Invalid)
)

// settingsFlag names a TOML file whose keys are the flags of the command.
// What is given on the command line wins.
type settingsFlag string

// BeforeResolve is called by kong once the command line is read.
func (settingsFlag) BeforeResolve(ctx *kong.Context, trace *kong.Path) error {
	path, _ := ctx.FlagValue(trace.Flag).(settingsFlag)
	s, err := readSettings(string(path), ctx.Flags())
	if err != nil {
		return err
	}
	ctx.AddResolver(s)
	return nil
}

// settings are the keys of a TOML file with their values.
type settings struct {
	file   string
	text   string
	values map[string]any
}

// beside are flags that no file can set: they say where the others come from,
// or how a secret comes in.
var besideFile = []string{"help", "config", "passphrase-fd"}

// keysOf are the flags that a file can set.
func keysOf(flags []*kong.Flag) []*kong.Flag {
	return slices.DeleteFunc(slices.Clone(flags), func(f *kong.Flag) bool { return slices.Contains(besideFile, f.Name) || f.Hidden })
}

// readSettings reads a file and refuses keys that no flag has.
func readSettings(path string, flags []*kong.Flag) (*settings, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, errFile.With("file", path).Because(err)
	}
	s := &settings{file: path, text: string(text)}
	if _, err := toml.Decode(s.text, &s.values); err != nil {
		at := errConfig.With("file", path).With("line", "?")
		if parse, ok := err.(toml.ParseError); ok {
			at = at.With("line", strconv.Itoa(parse.Position.Line))
		}
		return nil, at.Because(err)
	}
	if unknown := s.unknown(flags); len(unknown) > 0 {
		return nil, unknown[0]
	}
	return s, nil
}

// unknown tells of each key that no flag has, in the order of their lines.
func (s *settings) unknown(flags []*kong.Flag) []error {
	known := map[string]bool{}
	for _, f := range keysOf(flags) {
		known[f.Name] = true
	}
	var keys []string
	for key := range s.values {
		if !known[key] {
			keys = append(keys, key)
		}
	}
	slices.SortFunc(keys, func(a, b string) int { return cmp.Compare(s.line(a), s.line(b)) })
	var errs []error
	for _, key := range keys {
		errs = append(errs, s.at(errConfigKey, key).With("nearest", nearest(key, known)))
	}
	return errs
}

// line is where a key stands, 0 if it is not found.
func (s *settings) line(key string) int {
	begins := regexp.MustCompile(`^\s*\[?\s*["']?` + regexp.QuoteMeta(key) + `["']?\s*[=\].]`)
	for i, line := range strings.Split(s.text, "\n") {
		if begins.MatchString(line) {
			return i + 1
		}
	}
	return 0
}

func (s *settings) at(e *certhall.Error, key string) *certhall.Error {
	return e.With("file", s.file).With("line", strconv.Itoa(s.line(key))).With("key", key)
}

// Validate implements kong.Resolver.
func (s *settings) Validate(*kong.Application) error { return nil }

// Resolve implements kong.Resolver.
func (s *settings) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	value, ok := s.values[flag.Name]
	if !ok {
		return nil, nil
	}
	_, list := value.([]any)
	if wants := flag.Target.Kind() == reflect.Slice; list != wants {
		return nil, s.at(errConfigValue, flag.Name)
	}
	if list {
		return value, nil // kong reads lists as JSON does
	}
	return fmt.Sprint(value), nil // and all else as on the command line
}

// nearest is the known key that is most like a word.
func nearest(word string, known map[string]bool) string {
	best, least := "", len(word)+100
	for key := range known {
		if d := distance(word, key); d < least || d == least && key < best {
			best, least = key, d
		}
	}
	return best
}

// distance is Levenshtein's: how many letters differ.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0]
		row[0] = i + 1
		for j := range len(b) {
			d := before
			if a[i] != b[j] {
				d = 1 + min(before, row[j], row[j+1])
			}
			before, row[j+1] = row[j+1], d
		}
	}
	return row[len(b)]
}
