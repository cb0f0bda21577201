package main

import (
	"path/filepath"
	"testing"
)

// TestLocksAreNotShared: whoever has no folders of his own locks keys beside
// them: in a folder for everybody, others could lay links or locks. Keys in a
// folder that was named are other keys than those of the same serials elsewhere.
func TestLocksAreNotShared(t *testing.T) {
	for _, name := range []string{"HOME", "XDG_CACHE_HOME", "LocalAppData"} {
		t.Setenv(name, "")
	}
	keys := t.TempDir()
	s := &shell{cli: cli{Keys: keys}, ownKeys: true}
	if got := s.locks(); got != filepath.Join(keys, ".locks") {
		t.Error(got)
	}
	t.Setenv("XDG_CACHE_HOME", keys)
	t.Setenv("LocalAppData", keys)
	t.Setenv("HOME", keys)
	if got := s.locks(); got == filepath.Join(keys, ".locks") {
		t.Error(got)
	}
	s.ownKeys = false
	if got := s.locks(); got != filepath.Join(keys, ".locks") {
		t.Error(got)
	}
}
