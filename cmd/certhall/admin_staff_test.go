package main

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// TestEnrolledCertificateHasAFile: without --out a certificate lies beside its
// request, and what lies there already is neither overwritten nor enrolled over.
func TestEnrolledCertificateHasAFile(t *testing.T) {
	dir := t.TempDir()
	c := staffEnrolCmd{Request: filepath.Join(dir, "r.p10")}
	out, err := c.reserve()
	if err != nil || out != filepath.Join(dir, "r.cer") {
		t.Fatal(out, err)
	}
	if err := os.WriteFile(out, []byte("another's"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := c.reserve(); !errors.Is(err, errOut) {
		t.Error("over a file that is there:", err)
	}
	if kept, err := os.ReadFile(out); err != nil || string(kept) != "another's" {
		t.Errorf("%q %v", kept, err)
	}
	c.Out = filepath.Join(dir, "there.cer")
	if out, err := c.reserve(); err != nil || out != c.Out {
		t.Error(out, err)
	}
}
