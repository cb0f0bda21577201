package ca_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/authority/ca"
)

// TestGraceOfACase: what the first ticket asks for shortens the old pair's
// grace, never below a day and never beyond the policy's; a later ticket, of
// the same attempt or another, changes nothing.
func TestGraceOfACase(t *testing.T) {
	for name, c := range map[string]struct{ asked, later, want time.Duration }{
		"left to the authority": {0, 5 * day, 30 * day},
		"shorter":               {7 * day, 9 * day, 7 * day},
		"below a day":           {time.Minute, 0, day},
		"below nothing":         {-day, 0, day},
		"beyond the policy":     {90 * day, 0, 30 * day},
	} {
		t.Run(name, func(t *testing.T) {
			onBoth(t, func(t *testing.T, o *office) {
				h := o.apply("lineage", 1)
				o.clock.advance(300 * day)
				id := o.newCase()
				ask := func(d time.Duration) {
					t.Helper()
					_, err := o.Ticket(t.Context(), authority.TicketRequest{Service: certhall.Renew, Case: id, OldSerial: h.pair.SignSerial, Grace: d})
					must(t, err)
				}
				ask(c.asked)
				o.clock.advance(2 * time.Hour) // the ticket expired
				ask(c.later)
				_, err := o.Claim(t.Context(), o.claim(string(id), 1, nil, h))
				must(t, err)
				ask(c.later)
				r := o.prepare(certhall.Renew, id, h)
				b, err := o.Issue(t.Context(), r.call(t, h.person))
				must(t, err)
				_, err = o.Acknowledge(t.Context(), o.acknowledgement(b, r.key))
				must(t, err)
				o.clock.advance(c.want - time.Second)
				if n, err := o.EndGrace(t.Context()); err != nil || n != 0 {
					t.Errorf("before the grace ends: %d, %v", n, err)
				}
				o.clock.advance(time.Second)
				if n, err := o.EndGrace(t.Context()); err != nil || n != 1 || o.state(h.pair.SignSerial) != authority.Revoked {
					t.Errorf("after it: %d, %v, %s", n, err, o.state(h.pair.SignSerial))
				}
				want := c.want.String()
				if c.asked == 0 {
					want = ""
				}
				for n, got := range o.gracesRecorded(id) {
					if got != want {
						t.Errorf("the record of attempt %d says %q, want %q", n+1, got, want)
					}
				}
			})
		})
	}
}

// gracesRecorded are what the records of a case's attempts say of its grace.
func (o *office) gracesRecorded(id certhall.CaseID) (all []string) {
	o.t.Helper()
	o.events() // sequenced
	must(o.t, o.store.Read(o.t.Context(), func(rd ca.Reader) error {
		records, err := rd.Events(0, 1000)
		for _, r := range records {
			var said struct{ Grace string }
			if r.Kind == authority.AttemptOpened && r.Case == id {
				if err := json.Unmarshal(r.Data, &said); err != nil {
					return err
				}
				all = append(all, said.Grace)
			}
		}
		return err
	}))
	if len(all) != 2 {
		o.t.Errorf("%d attempts are on record", len(all))
	}
	return all
}
