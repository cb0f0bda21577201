package certhall_test

import (
	"testing"

	"github.com/certhall/certhall"
)

// TestCreditCode: check characters as GB 32100-2015 makes them.
func TestCreditCode(t *testing.T) {
	for code, want := range map[string]bool{
		"91350100M000100Y43": true, "91110000600037341L": true, "91350100M000100Y44": false, "91350100M000100Y4": false,
		"": false, "91350100I000100Y43": false, "91350100m000100Y43": false,
	} {
		if certhall.ValidCreditCode(code) != want {
			t.Errorf("%s: %v", code, !want)
		}
	}
}
