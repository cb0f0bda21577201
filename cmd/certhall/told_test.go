package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/certhall/certhall"
)

// TestTold: what was called good is on the disk once, as reconciling reads it;
// answers never wait; what could not be written is written when heard again.
func TestTold(t *testing.T) {
	dir := t.TempDir()
	written := func() string {
		content, err := os.ReadFile(filepath.Join(dir, toldFile))
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		return string(content)
	}
	told := newTold(dir, slog.New(slog.DiscardHandler))
	told.hear("issuing", "41ab")
	told.hear("issuing", "41ab")
	told.hear("issuing-rsa", "41cd")
	told.write()
	told.hear("issuing", "41ab")
	told.write()
	if got := written(); got != "41ab,issuing\n41cd,issuing-rsa\n" {
		t.Errorf("%q", got)
	}
	for line := range strings.Lines(written()) {
		if !serialLine.MatchString(strings.TrimSpace(line)) {
			t.Errorf("reconciling cannot read %q", line)
		}
	}
	for n := range 3 * toldWaiting { // nobody writes: nobody waits
		told.hear("issuing", certhall.Serial(fmt.Sprintf("42%04x", n)))
	}
	if err := os.Rename(dir, dir+".gone"); err != nil {
		t.Fatal(err)
	}
	told.write()
	if !told.failing {
		t.Error("nobody hears that nothing is kept")
	}
	if err := os.Rename(dir+".gone", dir); err != nil {
		t.Fatal(err)
	}
	told.hear("issuing", "420001")
	ctx, end := context.WithCancel(t.Context())
	end()
	told.run(ctx) // what waits at the end is written
	if told.failing || strings.Count(written(), "\n") != 3 || !strings.HasSuffix(written(), "420001,issuing\n") {
		t.Errorf("%v %q", told.failing, written())
	}
	if err := os.Truncate(filepath.Join(dir, toldFile), toldSize+1); err != nil {
		t.Fatal(err)
	}
	told.hear("issuing", "43ef")
	told.write()
	if old, err := os.Stat(filepath.Join(dir, toldFile+".old")); err != nil || old.Size() <= toldSize || written() != "43ef,issuing\n" {
		t.Errorf("a long file goes on growing: %v", err)
	}
}
