package ca_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/certhall/certhall/authority/ca"
)

func TestReadAdminPINs(t *testing.T) {
	all, faults, err := ca.ReadAdminPINs(strings.NewReader("\ufeffbatch, Serial ,admin_pin\n1,K1, 31415926 \n1,K2,\"abc,DEF\"\n"))
	if err != nil || len(faults) > 0 || len(all) != 2 || all[0].KeySerial != "K1" || string(all[0].PIN) != "31415926" || string(all[1].PIN) != "abc,DEF" {
		t.Errorf("%+v, %+v, %v", all, faults, err)
	}
	const secret = "secretPIN\x01"
	all, faults, err = ca.ReadAdminPINs(strings.NewReader("serial,admin_pin\n,31415926\nK1,12\nK2,31415926\nK2,31415926\nK3," + secret + "\nK4\n"))
	if err != nil || len(all) != 1 || len(faults) != 5 {
		t.Fatalf("%+v, %+v, %v", all, faults, err)
	}
	for i, want := range []struct {
		line int
		err  error
	}{{2, ca.ErrKeySerial}, {3, ca.ErrAdminPINForm}, {5, ca.ErrKeyListTwice}, {6, ca.ErrAdminPINForm}, {7, ca.ErrKeySerial}} {
		if faults[i].Line != want.line || !errors.Is(faults[i].Err, want.err) || strings.Contains(faults[i].Err.Error(), "secret") {
			t.Errorf("%+v", faults[i])
		}
	}
	for name, text := range map[string]string{"empty": "", "without a head": "K1,31415926\n", "no CSV": "serial,admin_pin\nK1,\"" + secret, "a quote": "serial,admin_pin\n\""} {
		if _, _, err := ca.ReadAdminPINs(strings.NewReader(text)); !errors.Is(err, ca.ErrKeyList) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
