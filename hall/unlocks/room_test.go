package unlocks_test

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/emmansun/gmsm/sm2"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/hall/accounts"
	"github.com/certhall/certhall/hall/organisations"
	"github.com/certhall/certhall/hall/services"
	"github.com/certhall/certhall/hall/unlocks"
	"github.com/certhall/certhall/proof"
	"github.com/certhall/certhall/store/hall"
	"github.com/certhall/certhall/store/storetest"
)

type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }

// far is an authority that says what it is told to.
type far struct {
	unlockable, unlock, unlocked error
	asked                        []authority.UnlockRequest
	reports                      int
}

func (f *far) Unlockable(context.Context, string) error { return f.unlockable }

func (f *far) Unlock(_ context.Context, r authority.UnlockRequest) (proof.Signed, error) {
	f.asked = append(f.asked, r)
	return proof.Signed{Message: []byte("answer")}, f.unlock
}

func (f *far) Unlocked(context.Context, proof.Signed) error {
	f.reports++
	return f.unlocked
}

// post is a provider of short messages that keeps their templates.
type post []string

func (p *post) Send(_ context.Context, _, template string, vars map[string]string, key string) (string, error) {
	*p = append(*p, template+" "+vars["key"])
	return key, nil
}

// room is the desk over a database: zhang handles a certificate on K1, wang
// administers its organisation, li has nothing to do with it.
type room struct {
	*testing.T
	*unlocks.Desk
	clock           *clock
	people          accounts.Store
	agents          map[string]*sm2.PrivateKey // of requests, by their messages
	far             *far
	post            *post
	zhang, wang, li accounts.Visit
}

func newRoom(t *testing.T) *room { return newRoomOn(t, "sqlite::memory:") }

func newRoomOn(t *testing.T, address string) *room {
	t.Helper()
	store := hall.New(storetest.Open(t, address, hall.Migrations()), nil)
	r := &room{T: t, people: store.Accounts(), agents: map[string]*sm2.PrivateKey{}, clock: &clock{time.Date(2026, 11, 22, 4, 0, 0, 0, time.UTC)}, far: new(far), post: new(post)}
	r.Desk = &unlocks.Desk{
		Store: store.Unlocks(), Authority: r.far, SMS: r.post, AuthorityID: "ra", Clock: r.clock, Random: rand.Reader, Log: slog.New(slog.DiscardHandler),
	}
	must(t, store.Accounts().Write(t.Context(), func(w accounts.Writer) error {
		for id, v := range map[string]*accounts.Visit{"zhang": &r.zhang, "wang": &r.wang, "li": &r.li} {
			p, err := w.PersonOfPhone("1380000000"+id[:1], id, r.clock.now)
			if err != nil {
				return err
			}
			v.Person = p.ID
		}
		return w.AddHandler(accounts.Handler{Person: accounts.Person{ID: "zhang"}, Lineage: "l1", Source: accounts.ByImport}, r.clock.now)
	}))
	must(t, store.Organisations().Write(t.Context(), func(w organisations.Writer) error {
		return w.SetMember(organisations.Row{Organisation: "91", Person: "wang", Role: accounts.Administrator, Source: accounts.ByOfficer}, r.clock.now)
	}))
	must(t, store.Write(t.Context(), func(w services.Writer) error {
		for i, p := range []authority.PairInfo{
			{ID: "p1", Lineage: "l1", State: authority.Current, Subject: "测试医院", Organisation: "91", KeySerial: "K1", SignSerial: "0a"},
			{ID: "p2", Lineage: "l1", State: authority.Revoked, Subject: "测试医院", Organisation: "91", KeySerial: "K2", SignSerial: "0b"},
		} {
			if err := w.ProjectPair(p, int64(i+1)); err != nil {
				return err
			}
		}
		return nil
	}))
	return r
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(certhall.CauseText(err))
	}
}

// request is a new one of an agent's.
func (r *room) request(serial string, change ...func(*proof.UnlockRequest)) unlocks.Asked {
	r.Helper()
	key, err := sm2.GenerateKey(rand.Reader)
	must(r.T, err)
	spki, err := gm.MarshalPublicKey(&key.PublicKey)
	must(r.T, err)
	nonce, err := proof.NewNonce(rand.Reader)
	must(r.T, err)
	q := proof.UnlockRequest{Authority: "ra", KeySerial: serial, Key: spki, Nonce: nonce, AdminTries: 10}
	for _, f := range change {
		f(&q)
	}
	a := unlocks.Asked{Message: proof.Encode(q), Label: "海泰KEY"}
	r.agents[string(a.Message)] = key
	return a
}

func (r *room) ask(v accounts.Visit, a unlocks.Asked) unlocks.UnlockView {
	r.Helper()
	view, err := r.Ask(r.Context(), v, a)
	must(r.T, err)
	return view
}

func (r *room) refused(want error, v accounts.Visit, a unlocks.Asked) {
	r.Helper()
	if _, err := r.Ask(r.Context(), v, a); !errors.Is(err, want) {
		r.Errorf("%v, want %v", err, want)
	}
}

// decide has a reviewer's decision kept; the room does not judge it.
func (r *room) decide(v unlocks.UnlockView, a unlocks.Asked) {
	r.Helper()
	_, err := r.Decide(r.Context(), v.ID, decided(a), nil, "op")
	must(r.T, err)
}

func decided(a unlocks.Asked) proof.Signed {
	return proof.Signed{Message: proof.Encode(proof.UnlockDecision{Authority: "ra", RequestDigest: gm.SM3(a.Message), KeySerial: "K1", Expiry: time.Unix(0, 0).UTC()})}
}

// reported is what the agent of a request reports.
func (r *room) reported(a unlocks.Asked, outcome string) []byte {
	r.Helper()
	return r.reportedBy(r.agents[string(a.Message)], a, outcome)
}

func (r *room) reportedBy(key *sm2.PrivateKey, a unlocks.Asked, outcome string) []byte {
	r.Helper()
	m := proof.UnlockReport{Authority: "ra", RequestDigest: gm.SM3(a.Message), KeySerial: "K1", Outcome: outcome}
	signed, err := proof.Sign(m, nil, func(message []byte) ([]byte, error) { return gm.Sign(rand.Reader, key, message) })
	must(r.T, err)
	return proof.Encode(signed)
}

func (r *room) state(v unlocks.UnlockView, want unlocks.State) {
	r.Helper()
	f, err := r.Get(r.Context(), v.ID)
	must(r.T, err)
	if f.Now != want {
		r.Errorf("it is %s, want %s", f.Now, want)
	}
}
