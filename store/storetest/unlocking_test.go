package storetest_test

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/authority/register"
	store "github.com/certhall/certhall/store/authority"
)

func TestAdminPINs(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		get := func(serial string) *ca.AdminPIN {
			return read(t, s, func(r ca.Reader) (*ca.AdminPIN, error) { return r.AdminPIN(serial) })
		}
		same(t, "absent", get("K2"), (*ca.AdminPIN)(nil))
		full := ca.AdminPIN{KeySerial: "K2", State: ca.AdminPINKnown, KeyDigest: []byte("digest"), Sealed: []byte("s"), Pending: []byte("p"),
			Last: []byte("l"), ImportedAt: at(1), ChangedAt: at(2)}
		bare := ca.AdminPIN{KeySerial: "K1", State: ca.AdminPINForgotten, KeyDigest: []byte("digest"), ImportedAt: at(1), ChangedAt: at(3)}
		for _, p := range []ca.AdminPIN{full, bare} {
			write(t, s, func(w ca.Writer) error {
				if err := w.LockUnlocking(); err != nil {
					return err
				}
				return w.SaveAdminPIN(p)
			})
		}
		same(t, "full", get("K2"), &full)
		same(t, "bare", get("K1"), &bare)
		full.State, full.Sealed, full.Pending, full.Last, full.ChangedAt = ca.AdminPINLost, []byte("t"), nil, []byte("m"), at(9)
		write(t, s, func(w ca.Writer) error { return w.SaveAdminPIN(full) })
		same(t, "saved again", get("K2"), &full)
		list := func(after string, limit int) (found []*ca.AdminPIN) {
			if err := s.Look(context.Background(), func(r register.Reader) (err error) {
				found, err = r.AdminPINs(after, limit)
				return err
			}); err != nil {
				t.Fatal(err)
			}
			return found
		}
		same(t, "all", list("", 9), []*ca.AdminPIN{&bare, &full})
		same(t, "first", list("", 1), []*ca.AdminPIN{&bare})
		same(t, "behind", list("K1", 9), []*ca.AdminPIN{&full})
	})
}

func TestUnlockings(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		get := func(digest string) *ca.Unlocking {
			return read(t, s, func(r ca.Reader) (*ca.Unlocking, error) { return r.Unlocking([]byte(digest)) })
		}
		since := func(serial string, when time.Time) int {
			return read(t, s, func(r ca.Reader) (int, error) { return r.UnlockingsSince(serial, when) })
		}
		one := ca.Unlocking{Digest: []byte("a"), KeySerial: "K", Request: []byte("q"), Decision: []byte("d"), Answer: []byte("w"), AnsweredAt: at(5)}
		two := one
		two.Digest, two.KeySerial, two.AnsweredAt = []byte("b"), "L", at(6)
		for _, u := range []ca.Unlocking{one, two} {
			write(t, s, func(w ca.Writer) error { return w.AddUnlocking(u) })
		}
		if err := s.Write(t.Context(), func(w ca.Writer) error { return w.AddUnlocking(one) }); err == nil {
			t.Error("a request was answered twice")
		}
		same(t, "absent", get("c"), (*ca.Unlocking)(nil))
		same(t, "one", get("a"), &one)
		for _, c := range []struct {
			serial string
			minute int
			want   int
		}{{"", 0, 2}, {"", 6, 1}, {"", 7, 0}, {"K", 5, 1}, {"K", 6, 0}, {"M", 0, 0}} {
			same(t, "since", since(c.serial, at(c.minute)), c.want)
		}
		for _, want := range []bool{true, false} {
			write(t, s, func(w ca.Writer) error {
				done, err := w.ReportUnlocking([]byte("a"), "changed", []byte("r"), at(8))
				same(t, "reported", done, want)
				return err
			})
		}
		one.Outcome, one.Report, one.ReportedAt = "changed", []byte("r"), at(8)
		same(t, "reported", get("a"), &one)
		same(t, "untouched", get("b"), &two)
	})
}

// TestPairsOnKey: what lies on a USB key and counts, with its certificates.
func TestPairsOnKey(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		on := func(serial string) []*ca.Pair {
			return read(t, s, func(r ca.Reader) ([]*ca.Pair, error) { return r.PairsOnKey(serial) })
		}
		open(t, s, "c", "", "")
		p := pair("p", "c", 1, "l")
		if err := s.SaveIntent(t.Context(), intentOf(p), admitAll); err != nil {
			t.Fatal(err)
		}
		same(t, "only intended", len(on("S-1")), 0)
		won, err := s.SaveIssued(t.Context(), ca.Signatures{ID: "p", SignCert: []byte("sign"), EncCert: []byte("enc"), At: at(4), Record: record("issued", p)})
		if err != nil || !won {
			t.Fatal(won, err)
		}
		if found := on("S-1"); len(found) != 1 || found[0].ID != "p" || !bytes.Equal(found[0].SignCert, []byte("sign")) {
			t.Errorf("%+v", found)
		}
		same(t, "on another", len(on("S-2")), 0)
	})
}
