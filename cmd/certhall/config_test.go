package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/locale"
)

var update = flag.Bool("update", false, "write docs/configuration.md anew")

const (
	configurationDoc = "../../docs/configuration.md"
	exampleFile      = "../../packaging/certhall.toml"
)

func serveFlags(t *testing.T) []*kong.Flag {
	t.Helper()
	parser, err := kong.New(new(serveOptions))
	if err != nil {
		t.Fatal(err)
	}
	return keysOf(parser.Model.Flags)
}

// keyTable is the part of docs/configuration.md that comes from the code.
func keyTable(flags []*kong.Flag) string {
	var b strings.Builder
	b.WriteString("| Key | Form | Default | Meaning |\n|---|---|---|---|\n")
	for _, f := range flags {
		form := f.Target.Type().String()
		switch {
		case f.Enum != "" && f.IsSlice():
			form = "list of " + strings.ReplaceAll(f.Enum, ",", ", ")
		case f.Enum != "":
			form = strings.ReplaceAll(f.Enum, ",", ", ")
		case form == "time.Duration":
			form = "duration, such as 30s or 1h"
		case form == "slog.Level":
			form = "debug, info, warn, error"
		case form == "[]int":
			form = "list of numbers"
		case f.IsSlice():
			form = "list of texts"
		case form == "string":
			form = "text"
		}
		byDefault := "`" + f.Default + "`"
		if f.Default == "" {
			byDefault = ""
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", f.Name, form, byDefault, strings.ReplaceAll(f.Help, "|", `\|`))
	}
	return b.String()
}

// TestConfigurationIsDocumented: docs/configuration.md tells every key, and no
// key that there is not (go test ./cmd/certhall -run Documented -update).
func TestConfigurationIsDocumented(t *testing.T) {
	text, err := os.ReadFile(configurationDoc)
	if err != nil {
		t.Fatal(err)
	}
	const begin, end = "<!-- keys -->\n", "<!-- /keys -->\n"
	before, rest, ok := strings.Cut(string(text), begin)
	documented, after, closed := strings.Cut(rest, end)
	if !ok || !closed {
		t.Fatalf("%s has no place for the keys", configurationDoc)
	}
	want := keyTable(serveFlags(t))
	if *update {
		if err := os.WriteFile(configurationDoc, []byte(before+begin+want+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if documented != want {
		t.Errorf("%s is not what the code says (-update):\n%s", configurationDoc, want)
	}
}

// TestExampleFile: packaging/certhall.toml shows every key with a comment; as
// it stands, and with every key taken out of its comment, it can be read.
func TestExampleFile(t *testing.T) {
	text, err := os.ReadFile(exampleFile)
	if err != nil {
		t.Fatal(err)
	}
	var shown []string
	for _, m := range regexp.MustCompile(`(?m)^#?([a-z][a-z-]*) = `).FindAllStringSubmatch(string(text), -1) {
		shown = append(shown, m[1])
	}
	var keys []string
	for _, f := range serveFlags(t) {
		keys = append(keys, f.Name)
	}
	slices.Sort(keys)
	slices.Sort(shown)
	if !slices.Equal(keys, shown) {
		t.Errorf("shows %v\nwant %v", shown, keys)
	}
	all := regexp.MustCompile(`(?m)^#([a-z][a-z-]* = )`).ReplaceAll(text, []byte("$1"))
	for name, text := range map[string][]byte{"as it stands": text, "with every key": all} {
		path := filepath.Join(t.TempDir(), "certhall.toml")
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		for _, err := range checkConfig(path) {
			if code := certhall.AsError(err).Code; strings.HasPrefix(code, "config-") {
				t.Errorf("%s: %v, %s", name, err, certhall.CauseText(errors.Unwrap(err)))
			}
		}
	}
}

// TestConfigCheck tells all errors at once, with their lines.
func TestConfigCheck(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want []string // codes, with what they name
	}{
		"unknown keys":         {"liste = 'x'\nlog-format = 'json'\n[halldb]\nsms = 'none'\n", []string{"config-key-unknown 1 liste listen", "config-key-unknown 3 halldb hall-db"}},
		"wrong values":         {"proxy = ['127.0.0.1/33']\nsms = 'carrier'\nroles = 'hall'\nocsp-life = 'long'\n", []string{"config-value-wrong 1 proxy", "config-value-wrong 2 sms", "config-value-wrong 3 roles", "config-value-wrong 4 ocsp-life"}},
		"both":                 {"rules = []\nlog-level = 'loud'\n", []string{"config-key-unknown 1 rules roles", "config-value-wrong 2 log-level"}},
		"no TOML":              {"dir = 'a'\ndir == 'b'\n", []string{"config-unreadable 2"}},
		"the same key twice":   {"dir = 'a'\ndir = 'b'\n", []string{"config-unreadable 2"}},
		"a rule of its own":    {"ocsp-life = '1s'\n", []string{"config-value-wrong 1 ocsp-life"}},
		"also what is named":   {"liste = 'x'\nlisten = '0.0.0.0:1'\n", []string{"config-key-unknown 1 liste listen", "plain-http"}},
		"passphrase in a file": {"passphrase-fd = 3\n", []string{"config-key-unknown 1 passphrase-fd"}},
		"what it names": {
			"dir = 'none'\nlisten = '0.0.0.0:80'\nhall-db = 'postgres://certhall:geheim@db/certhall'\nauthority-db = 'mysql:x'\ntls-cert = 'a'\n",
			[]string{"plain-http", "tls-files-broken", "database-address", "database-password"},
		},
		"a hall alone": {"roles = ['hall']\ndir = 'none'\n", []string{"authority-nodes-missing", "file-unreadable", "internal-folder-damaged", "tls-files-broken"}},
	} {
		path := filepath.Join(t.TempDir(), "certhall.toml")
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, err := range checkConfig(path) {
			e := certhall.AsError(err)
			if e.Is(errNoFolder) {
				continue // there is none beside these files
			}
			words := []string{e.Code}
			for _, p := range []string{"line", "key", "nearest"} {
				if v := e.Params[p]; v != "" && p != "nearest" || e.Code == "config-key-unknown" && p == "nearest" {
					words = append(words, v)
				}
			}
			got = append(got, strings.Join(words, " "))
			message, hint := locale.Error(locale.English, e)
			if strings.Contains(message+hint+certhall.CauseText(err), "geheim") {
				t.Errorf("%s: a password is told: %s %s", name, message, certhall.CauseText(err))
			}
		}
		slices.Sort(got)
		slices.Sort(c.want)
		for i := range max(len(got), len(c.want)) {
			if i >= len(got) || i >= len(c.want) || !strings.HasPrefix(got[i], c.want[i]) {
				t.Errorf("%s:\n%v, want\n%v", name, got, c.want)
				break
			}
		}
	}
}

// TestConfigShow: what is shown can be read again and shows the same; flags
// win over the file.
func TestConfigShow(t *testing.T) {
	file := filepath.Join(t.TempDir(), "certhall.toml")
	text := "roles = ['issue', 'publish']\nproject = ['gov=政府|Gov, and more']\nproxy = ['10.0.0.0/8']\nagent-port = [1, 2]\nlisten = '127.0.0.1:1'\n"
	for range 2 {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		var c cli
		parser, err := kong.New(&c)
		if err != nil {
			t.Fatal(err)
		}
		command, err := parser.Parse([]string{"config", "show", "--config", file, "--listen", "127.0.0.1:2"})
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if err := command.Run(&environment{out: &out}); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{`roles = ["issue", "publish"]`, `project = ["gov=政府|Gov, and more"]`, `proxy = ["10.0.0.0/8"]`, `agent-port = [1, 2]`, `listen = "127.0.0.1:2"`} {
			if !strings.Contains(out.String(), want+"\n") {
				t.Errorf("without %s:\n%s", want, out.String())
			}
		}
		text = out.String()
	}
}
