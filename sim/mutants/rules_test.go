package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestRulesStand: what a rule's edits replace stands in the source, once; a
// change of that code has to say anew how the rule is switched off.
func TestRulesStand(t *testing.T) {
	for _, r := range rules {
		for _, e := range r.Edits {
			text, err := os.ReadFile(filepath.Join("..", "..", e.File))
			if err != nil {
				t.Fatal(err)
			}
			if n := strings.Count(string(text), e.Old); n != 1 {
				t.Errorf("%s: %s holds %d times %q", r.Name, e.File, n, e.Old)
			}
		}
	}
}
