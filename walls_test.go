package certhall_test

import (
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
)

const module = "github.com/certhall/certhall"

// source is one Go file of the tree.
type source struct {
	path string // from the module's root, with slashes
	dir  string // its package's folder; "" for the root
	test bool
	file *ast.File
}

// imports are the packages a file imports: ours by their folder ("" is the
// root), others by their path.
func (s source) imports() (ours, others []string) {
	for _, spec := range s.file.Imports {
		path, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			panic(err)
		}
		if rest, ok := strings.CutPrefix(path, module); ok && (rest == "" || rest[0] == '/') {
			ours = append(ours, strings.TrimPrefix(rest, "/"))
		} else {
			others = append(others, path)
		}
	}
	return ours, others
}

// files lists what belongs to the repository, without what builds and runs leave.
func files(t *testing.T) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			switch d.Name() {
			case ".git", "bin", ".demo", "demo-state", "node_modules", "build", "dist", "test-results":
				return filepath.SkipDir
			}
			return nil
		}
		found = append(found, filepath.ToSlash(path))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func sources(t *testing.T) []source {
	t.Helper()
	var found []source
	set := token.NewFileSet()
	for _, path := range files(t) {
		if !strings.HasSuffix(path, ".go") {
			continue
		}
		file, err := parser.ParseFile(set, path, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		dir := filepath.ToSlash(filepath.Dir(path))
		if dir == "." {
			dir = ""
		}
		found = append(found, source{path, dir, strings.HasSuffix(path, "_test.go"), file})
	}
	if len(found) < 10 {
		t.Fatalf("found only %d Go files: the search is broken", len(found))
	}
	return found
}

// under tells whether a folder is one of roots or lies below one.
func under(dir string, roots ...string) bool {
	for _, root := range roots {
		if dir == root || strings.HasPrefix(dir, root+"/") {
			return true
		}
	}
	return false
}

// wiring are the folders that may put all zones together.
var wiring = []string{"cmd", "demo", "sim", "e2e", "bench"}

// wall forbids an import; why is what the design says.
type wall struct {
	from   func(dir string) bool
	never  func(dir string) bool // our own packages, reached directly or through others
	others []string              // packages that are not ours, by path or its beginning
	why    string
}

func in(roots ...string) func(string) bool {
	return func(dir string) bool { return under(dir, roots...) }
}

func outside(roots ...string) func(string) bool {
	return func(dir string) bool { return !under(dir, roots...) }
}

func nothing(string) bool { return false }

const (
	huma  = "github.com/danielgtaylor/huma"
	river = "github.com/riverqueue/river"
	prom  = "github.com/prometheus"
)

var walls = []wall{
	{in(""), outside(""), []string{"github.com/", "golang.org/x/"}, "the root nouns lean on the standard library only"},
	{in("proof"), outside("", "proof", "gm"), nil, "proof leans on the root and gm only"},
	{in("gm"), outside("", "gm"), nil, "gm leans on no room"},
	{in("locale"), outside("", "locale"), nil, "locale knows no room"},
	{in("durable"), outside("durable"), nil, "durable knows no room"},
	{in("authority"), in("hall", "desk"), nil, "the authority knows nothing of the hall or the desk"},
	{in("desk"), in("hall", "authority"), nil, "the desk knows nothing of hall and authority"},
	{in("hall"), in("desk"), nil, "the hall reaches the desk by messages only"},
	{in("hall"), func(dir string) bool { return strings.HasPrefix(dir, "authority/") }, nil, "the hall knows the authority's door, not its rooms"},
	{func(dir string) bool { return under(dir, "hall") && !under(dir, "hall/services") }, in("hall/services"), nil, "services uses the other rooms of the hall, none uses services"},
	{in("hall", "authority", "desk"), in("store", "web", "jobs"), []string{"database/sql", huma, river}, "the wings declare what they need and know no technology"},
	{in("web"), in("store"), nil, "web never reaches into the store"},
	{outside("web"), nothing, []string{huma}, "web is the only importer of huma"},
	{outside("jobs"), nothing, []string{river}, "jobs is the only importer of river"},
	{outside("metrics"), nothing, []string{prom}, "metrics is the only importer of Prometheus"},
	{outside(append([]string{"store", "jobs"}, wiring...)...), nothing, []string{"database/sql"}, "store is the only SQL; jobs passes its transactions to river"},
	{outside(wiring...), in(wiring...), nil, "nothing leans on what wires all together"},
	{in("store", "jobs", "web"), in("desk"), nil, "the server never reaches for a key"},
}

// TestWalls reads the imports of every file that is not a test and follows
// them through our own packages.
func TestWalls(t *testing.T) {
	graph := map[string]map[string]bool{}
	foreign := map[string]map[string]string{} // dir → import → file
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		if graph[s.dir] == nil {
			graph[s.dir], foreign[s.dir] = map[string]bool{}, map[string]string{}
		}
		ours, others := s.imports()
		for _, o := range ours {
			graph[s.dir][o] = true
		}
		for _, o := range others {
			foreign[s.dir][o] = s.path
		}
	}
	for _, w := range walls {
		for _, dir := range slices.Sorted(maps.Keys(graph)) {
			if !w.from(dir) || dir == "internal/deps" {
				continue
			}
			for reached, way := range reach(graph, dir) {
				if w.never(reached) {
					t.Errorf("%s: %s", strings.Join(way, " → "), w.why)
				}
			}
			for path, file := range foreign[dir] {
				for _, o := range w.others {
					if path == strings.TrimSuffix(o, "/") || strings.HasPrefix(path, strings.TrimSuffix(o, "/")+"/") {
						t.Errorf("%s imports %s: %s", file, path, w.why)
					}
				}
			}
		}
	}
}

// reach finds every package that dir imports, itself left out, and one way there.
func reach(graph map[string]map[string]bool, dir string) map[string][]string {
	ways := map[string][]string{dir: {show(dir)}}
	for queue := []string{dir}; len(queue) > 0; queue = queue[1:] {
		for next := range graph[queue[0]] {
			if ways[next] == nil {
				ways[next] = append(slices.Clone(ways[queue[0]]), show(next))
				queue = append(queue, next)
			}
		}
	}
	delete(ways, dir)
	return ways
}

func show(dir string) string {
	if dir == "" {
		return "certhall"
	}
	return dir
}

// TestPackageDocs: every package says what it is for, once.
func TestPackageDocs(t *testing.T) {
	docs := map[string][]string{}
	for _, s := range sources(t) {
		if s.test || s.dir == "internal/deps" {
			continue
		}
		docs[s.dir] = append(docs[s.dir], "")
		if s.file.Doc == nil {
			continue
		}
		docs[s.dir] = append(docs[s.dir], s.path)
		begin := "Package " + s.file.Name.Name + " "
		if s.file.Name.Name == "main" {
			begin = "Command " + filepath.Base(s.dir) + " "
		}
		if text := s.file.Doc.Text(); !strings.HasPrefix(text, begin) || len(text) < 60 {
			t.Errorf("%s: the doc comment begins %q and says what the package is for", s.path, begin)
		}
	}
	for dir, files := range docs {
		with := slices.DeleteFunc(files, func(f string) bool { return f == "" })
		if len(with) != 1 {
			t.Errorf("%s: one file carries the package's doc comment, found %v", show(dir), with)
		}
	}
}

// TestNothingLeftForLater: what is committed works; what is tested is tested.
func TestNothingLeftForLater(t *testing.T) {
	later := regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XX` + `X)\b|\bt\.Sk` + `ip(f|Now)?\(|time\.Sl` + `eep\(`)
	for _, s := range sources(t) {
		for i, line := range lines(t, s.path) {
			if later.MatchString(line) {
				t.Errorf("%s:%d: %s", s.path, i+1, strings.TrimSpace(line))
			}
		}
	}
}

// TestClockIsPassedIn: inside the wings nothing asks the machine for the time.
func TestClockIsPassedIn(t *testing.T) {
	for _, s := range sources(t) {
		if s.test || !under(s.dir, "hall", "authority", "desk", "proof", "gm", "store") {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if x, ok := sel.X.(*ast.Ident); ok && x.Name == "time" && (sel.Sel.Name == "Now" || sel.Sel.Name == "Since" || sel.Sel.Name == "Until") {
				t.Errorf("%s: time.%s: the clock is passed in", s.path, sel.Sel.Name)
			}
			return true
		})
	}
}

// TestNoMachinePaths: nothing names a folder of the machine it was written on.
func TestNoMachinePaths(t *testing.T) {
	machine := regexp.MustCompile(`(^|[^\w./*-])/(wo` + `rk|ro` + `ot|ho` + `me)/`)
	for _, path := range files(t) {
		if strings.HasSuffix(path, ".der") || strings.HasSuffix(path, ".db") {
			continue
		}
		for i, line := range lines(t, path) {
			if machine.MatchString(line) {
				t.Errorf("%s:%d: %s", path, i+1, strings.TrimSpace(line))
			}
		}
	}
}

func lines(t *testing.T, path string) []string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(string(data), "\n")
}

// TestDocsNameWhatIsThere: every file and folder that the documents name exists.
func TestDocsNameWhatIsThere(t *testing.T) {
	named := regexp.MustCompile("`([a-z0-9]+(?:/[a-z0-9_-]+)+(?:\\.[a-z]+)?/?|[a-z]+/)`")
	found := 0
	for _, path := range files(t) {
		if !strings.HasSuffix(path, ".md") {
			continue
		}
		for i, line := range lines(t, path) {
			for _, m := range named.FindAllStringSubmatch(line, -1) {
				room, _, _ := strings.Cut(m[1], "/")
				if _, err := os.Stat(room); room == "bin" || err != nil && filepath.Ext(m[1]) == "" {
					continue // what is built, and packages of others such as database/sql
				}
				found++
				if _, err := os.Stat(filepath.FromSlash(m[1])); err != nil {
					t.Errorf("%s:%d: %s is not there", path, i+1, m[1])
				}
			}
		}
	}
	if found < 40 {
		t.Errorf("found only %d names: the search is broken", found)
	}
}

// TestDocsNameTestsThereAre: a document that says which test holds a promise
// says so rightly.
func TestDocsNameTestsThereAre(t *testing.T) {
	named := regexp.MustCompile("`((?:Test|Benchmark)\\w+)` in `([a-z0-9_/]+\\.go)`")
	found := 0
	for _, path := range files(t) {
		if !strings.HasSuffix(path, ".md") {
			continue
		}
		for _, m := range named.FindAllStringSubmatch(strings.Join(lines(t, path), "\n"), -1) {
			found++
			if !slices.ContainsFunc(lines(t, m[2]), func(line string) bool { return strings.HasPrefix(line, "func "+m[1]+"(") }) {
				t.Errorf("%s: there is no %s in %s", path, m[1], m[2])
			}
		}
	}
	if found < 5 {
		t.Errorf("found only %d tests: the search is broken", found)
	}
}
