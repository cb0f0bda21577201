// Command mutants shows that the simulation would notice: it switches each
// rule of the protocol (◆) off in a temporary copy of the source, one at a
// time, runs the simulation there and expects it to fail. rules.go lists the
// rules and where they stand in the code.
//
//	go run ./sim/mutants            all rules
//	go run ./sim/mutants claim-void those whose name contains the word
package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

func main() {
	word := ""
	if len(os.Args) > 1 {
		word = os.Args[1]
	}
	missed := 0
	for _, r := range rules {
		if !strings.Contains(r.Name, word) {
			continue
		}
		began := time.Now()
		verdict, detail := try(r)
		fmt.Printf("%-9s %-28s %5.0fs  %s\n", verdict, r.Name, time.Since(began).Seconds(), detail)
		if verdict != "noticed" {
			missed++
		}
	}
	if missed > 0 {
		fmt.Printf("%d rules were switched off unnoticed\n", missed)
		os.Exit(1)
	}
}

// try switches one rule off and runs the simulation.
func try(r rule) (verdict, detail string) {
	dir, err := os.MkdirTemp("", "certhall-mutant-")
	if err != nil {
		return "error", err.Error()
	}
	defer os.RemoveAll(dir)
	if err := copySource(".", dir); err != nil {
		return "error", err.Error()
	}
	for _, e := range r.Edits {
		if err := e.apply(dir); err != nil {
			return "stale", err.Error()
		}
	}
	run := exec.Command("go", "test", "-count=1", "-vet=off", "-trimpath", "-timeout", "30m", "-run", "TestSingle|TestDelays|TestMoney", "./sim", "-args", "-first", "-only="+r.Faults)
	run.Dir = dir
	out, err := run.CombinedOutput()
	switch {
	case bytes.Contains(out, []byte("[build failed]")), bytes.Contains(out, []byte("[setup failed]")):
		return "broken", firstLine(out, "")
	case err == nil:
		return "MISSED", "the simulation passes without it"
	}
	return "noticed", firstLine(out, "at boundary")
}

// firstLine is the first line that holds a word.
func firstLine(out []byte, word string) string {
	for line := range strings.Lines(string(out)) {
		if i := strings.Index(line, word); i >= 0 {
			line = strings.TrimSpace(line[i:])
			return line[:min(len(line), 160)]
		}
	}
	return ""
}

// edit replaces one piece of a file; the piece must stand there once.
type edit struct{ File, Old, New string }

func (e edit) apply(dir string) error {
	path := filepath.Join(dir, e.File)
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if n := strings.Count(string(text), e.Old); n != 1 {
		return fmt.Errorf("%s: %q stands there %d times", e.File, e.Old, n)
	}
	return os.WriteFile(path, []byte(strings.Replace(string(text), e.Old, e.New, 1)), 0o600)
}

// copySource copies what a build needs.
func copySource(from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() {
			if path != from && (strings.HasPrefix(name, ".") || name == "bin" || name == "node_modules") {
				return filepath.SkipDir
			}
			return os.MkdirAll(filepath.Join(to, path), 0o700)
		}
		if !d.Type().IsRegular() {
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, path), data, 0o600)
	})
}
