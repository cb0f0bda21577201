package locale

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/certhall/certhall"
)

var placeholder = regexp.MustCompile(`\{[a-z_]+\}`)

func placeholders(s string) []string {
	found := placeholder.FindAllString(s, -1)
	slices.Sort(found)
	return slices.Compact(found)
}

func TestLanguagesAgree(t *testing.T) {
	zh, en := texts[Chinese], texts[English]
	for key, text := range zh {
		other, ok := en[key]
		if !ok {
			t.Errorf("%s: not in en.json", key)
			continue
		}
		if a, b := placeholders(text), placeholders(other); !slices.Equal(a, b) {
			t.Errorf("%s: placeholders %v in Chinese, %v in English", key, a, b)
		}
	}
	for key := range en {
		if _, ok := zh[key]; !ok {
			t.Errorf("%s: not in zh-CN.json", key)
		}
	}
	for lang, m := range texts {
		for key, text := range m {
			if strings.TrimSpace(text) == "" {
				t.Errorf("%s: %s is empty", lang, key)
			}
			if strings.ContainsAny(text, "!！") {
				t.Errorf("%s: %s shouts", lang, key)
			}
		}
	}
}

// TestFilesSorted keeps the files mergeable: sorted keys, none twice, the form
// that json.MarshalIndent gives.
func TestFilesSorted(t *testing.T) {
	for lang := range texts {
		data, err := files.ReadFile(lang + ".json")
		if err != nil {
			t.Fatal(err)
		}
		var want bytes.Buffer
		e := json.NewEncoder(&want)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		if err := e.Encode(texts[lang]); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(data, want.Bytes()) {
			t.Errorf("%s.json is not sorted, has a key twice, or is indented otherwise", lang)
		}
	}
}

// notShipped speak to developers only.
var notShipped = map[string]bool{"../sim": true, "../e2e": true, "../bench": true}

// TestEveryErrorHasWords finds every certhall.NewError("code", …) of the tree.
func TestEveryErrorHasWords(t *testing.T) {
	codes := declaredCodes(t, "..")
	if len(codes) < 30 {
		t.Fatalf("found only %d error codes: the search is broken", len(codes))
	}
	for _, code := range slices.Sorted(maps.Keys(codes)) {
		for lang, m := range texts {
			for _, key := range []string{"error." + code, "error." + code + ".hint"} {
				if m[key] == "" {
					t.Errorf("%s: %s is missing in %s.json", codes[code], key, lang)
				}
			}
		}
	}
}

func declaredCodes(t *testing.T, root string) map[string]token.Position {
	t.Helper()
	codes := map[string]token.Position{}
	set := token.NewFileSet()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (notShipped[filepath.ToSlash(path)] || d.Name() == "node_modules" || d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".") && path != root) {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		src, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(set, path, src, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || !namesNewError(file.Name.Name, call.Fun) || len(call.Args) == 0 {
				return true
			}
			lit, ok := call.Args[0].(*ast.BasicLit)
			if !ok || lit.Kind != token.STRING {
				t.Errorf("%s: an error's code is written as a string, so that it can be found", set.Position(call.Pos()))
				return true
			}
			code, err := strconv.Unquote(lit.Value)
			if err != nil {
				t.Fatal(err)
			}
			if at, twice := codes[code]; twice {
				t.Errorf("%s: error code %s is declared at %s already", set.Position(call.Pos()), code, at)
			}
			codes[code] = set.Position(call.Pos())
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return codes
}

func namesNewError(pkg string, fun ast.Expr) bool {
	switch f := fun.(type) {
	case *ast.SelectorExpr:
		x, ok := f.X.(*ast.Ident)
		return ok && x.Name == "certhall" && f.Sel.Name == "NewError"
	case *ast.Ident:
		return pkg == "certhall" && f.Name == "NewError"
	}
	return false
}

func TestText(t *testing.T) {
	e := certhall.NewError("pin-wrong", certhall.Denied).With("tries", "4")
	if m, hint := Error(English, e); m != "The PIN is wrong; 4 tries are left" || hint == "" {
		t.Errorf("English: %q, %q", m, hint)
	}
	if m, _ := Error(Chinese, e); m != "PIN 不正确，还可以试 4 次" {
		t.Errorf("Chinese: %q", m)
	}
	if got := Text("fr", "error.internal", nil); got != texts[Chinese]["error.internal"] {
		t.Errorf("unknown language: %q", got)
	}
	if got := Text(English, "no.such.key", nil); got != "no.such.key" {
		t.Errorf("unknown key: %q", got)
	}
}

func TestPick(t *testing.T) {
	for asked, want := range map[string]string{
		"":                         Chinese,
		"C":                        Chinese,
		"C.UTF-8":                  Chinese,
		"POSIX":                    Chinese,
		"zh_CN.UTF-8":              Chinese,
		"zh_TW.UTF-8":              Chinese,
		"en_US.UTF-8":              English,
		"fr_FR.UTF-8":              English,
		"zh-CN,zh;q=0.9,en;q=0.8":  Chinese,
		"en-US,en;q=0.9,zh;q=0.8":  English,
		"fr;q=0.9, en;q=0.8":       English,
		"de":                       English,
		"*":                        Chinese,
		";;;q=bad":                 Chinese,
		strings.Repeat("x-", 5000): Chinese,
	} {
		if got := Pick(asked); got != want {
			t.Errorf("Pick(%.30q) = %s, want %s", asked, got, want)
		}
	}
}

// TestValuesAreNotReadAgain: a value that holds braces is told as it is.
func TestValuesAreNotReadAgain(t *testing.T) {
	for range 20 { // a map has no order
		got := Text(English, "cli.pin", map[string]string{"key": "{tries}", "purpose": "{key}", "tries": "3"})
		if !strings.Contains(got, "{tries}") || !strings.Contains(got, "{key}") || !strings.Contains(got, "3") {
			t.Fatal(got)
		}
	}
}

// TestOfficersHints: each belongs to an error and says something else than the
// hint for people with a key; without one an officer reads that.
func TestOfficersHints(t *testing.T) {
	found := 0
	for lang, m := range texts {
		for key, own := range m {
			code, ok := strings.CutSuffix(strings.TrimPrefix(key, "error."), ".hint.officer")
			if !ok {
				continue
			}
			found++
			hint := "error." + code + ".hint"
			if m[hint] == "" || m[hint] == own {
				t.Errorf("%s: %s is beside %q", lang, key, m[hint])
			}
			if message, said := ErrorForOfficer(lang, &certhall.Error{Code: code}); said != own || message != m["error."+code] {
				t.Errorf("%s: an officer is told %q, %q", lang, message, said)
			}
		}
	}
	if found == 0 {
		t.Error("none is found")
	}
	if _, hint := ErrorForOfficer(English, &certhall.Error{Code: "phone-malformed"}); hint != texts[English]["error.phone-malformed.hint"] {
		t.Errorf("without one of his own: %q", hint)
	}
}

// TestUncountedTries: drivers that cannot tell how many tries are left show no number.
func TestUncountedTries(t *testing.T) {
	for _, lang := range []string{Chinese, English} {
		for _, key := range []string{"error.pin-wrong", "cli.pin"} {
			if text := Text(lang, key, map[string]string{"tries": "-1"}); strings.Contains(text, "-1") {
				t.Errorf("%s: %s: %s", lang, key, text)
			}
			if text := Text(lang, key, map[string]string{"tries": "2"}); !strings.Contains(text, "2") {
				t.Errorf("%s: %s: %s", lang, key, text)
			}
		}
	}
}
