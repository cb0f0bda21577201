package main

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/certhall/certhall/desk/courier"
)

// TestAnotherPhone: where the hall lets any phone do, --phone names it with the
// request for the code, once; else the one on record gets the code.
func TestAnotherPhone(t *testing.T) {
	in, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close() })
	code := filepath.Join(t.TempDir(), "code")
	if err := os.WriteFile(code, []byte("earlier 111111\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const number = "13900000002"
	for name, c := range map[string]struct {
		ask   courier.Ask
		phone string
		named bool
		want  courier.Answer
	}{
		"any will do":         {courier.Ask{Kind: courier.AskCode, Phone: "138****0001", AnyPhone: true, ResendAfter: 3600}, number, false, courier.Answer{Phone: number, SendCode: true}},
		"any, none named":     {courier.Ask{Kind: courier.AskCode, Phone: "138****0001", AnyPhone: true}, "", false, courier.Answer{SendCode: true}},
		"named a step before": {courier.Ask{Kind: courier.AskCode, Phone: "139****0002", AnyPhone: true}, number, true, courier.Answer{SendCode: true}},
		"only the one":        {courier.Ask{Kind: courier.AskCode, Phone: "138****0001"}, number, false, courier.Answer{SendCode: true}},
	} {
		t.Run(name, func(t *testing.T) {
			q := &asked{shell: &shell{in: in, out: io.Discard, err: io.Discard}, c: &serviceCmd{Phone: c.phone, CodeFD: -1, CodeFile: code}}
			if c.named {
				if _, err := q.Answer(t.Context(), courier.Ask{Kind: courier.AskPhone, AnyPhone: true}, nil); err != nil {
					t.Fatal(err)
				}
			}
			got, err := q.Answer(t.Context(), c.ask, nil)
			if err != nil || got != c.want {
				t.Errorf("%+v, %v; want %+v", got, err, c.want)
			}
			if q.secrets.mark == 0 {
				t.Error("a code that was in the file before would be taken")
			}
		})
	}
}
