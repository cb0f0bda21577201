package certhall_test

import (
	"testing"
	"testing/quick"

	"github.com/certhall/certhall"
)

func TestMoney(t *testing.T) {
	for text, want := range map[string]certhall.Money{"0": 0, "0.00": 0, "200": 20000, "200.00": 20000, "0.5": 50, "0.05": 5, "1234567.89": 123456789} {
		if got, ok := certhall.ParseMoney(text); !ok || got != want {
			t.Errorf("%s is read as %d, %v", text, got, ok)
		}
	}
	for _, text := range []string{"", "-1", "+1", "1,000", "1.", ".5", "1.234", "1e3", " 1", "1 ", "一百", "1234567890123"} {
		if got, ok := certhall.ParseMoney(text); ok {
			t.Errorf("%q is read as %d", text, got)
		}
	}
	if got := certhall.Money(-5).String(); got != "-0.05" {
		t.Error(got)
	}
	back := func(n uint32) bool {
		m, ok := certhall.ParseMoney(certhall.Money(n).String())
		return ok && m == certhall.Money(n)
	}
	if err := quick.Check(back, nil); err != nil {
		t.Error(err)
	}
}
