package agent_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/certhall/certhall/desk/agent"
	"github.com/certhall/certhall/desk/desktest"
	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/desk/token/softkey"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/proof"
)

const (
	keeper = "Keeper-01" // administrator's PIN on the key
	next   = "Keeper-02" // that the authority drew
	fresh  = "Bright-2"  // the user's new one
)

// lockedDesk is a PC with a key whose PIN is locked.
type lockedDesk struct {
	*desk
	keys   *cutKeys
	folder string
}

func newLockedDesk(t testing.TB) *lockedDesk {
	t.Helper()
	d := &lockedDesk{desk: newDesk(t, 3), folder: t.TempDir()}
	m := softkey.NewMemory()
	if err := softkey.Format(m, softkey.Options{Serial: "SK1", PIN: pin, Tries: 3, AdminPIN: keeper, AdminTries: 5, Iterations: 1}); err != nil {
		t.Fatal(err)
	}
	d.desk.keys["SK1"] = m
	d.keys = &cutKeys{drawer: d.desk.keys}
	d.restart()
	return d
}

// lock spends the user's tries.
func (d *lockedDesk) lock(t testing.TB) {
	t.Helper()
	k, err := softkey.Use(d.desk.keys["SK1"], rand.Reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		_ = k.Login(t.Context(), "wrong-pin")
	}
}

// restart is another run of the agent.
func (d *lockedDesk) restart() {
	d.Agent = agent.New(agent.Options{
		Keys: d.keys, Roots: d.auth.Roots(), Person: d.person, Clock: d.clock, Random: rand.Reader, Unlocking: d.folder,
	})
}

func (d *lockedDesk) request(t testing.TB) proof.UnlockRequest {
	t.Helper()
	der, code, err := d.RequestUnlock(t.Context(), "SK1", "ra")
	if err != nil {
		t.Fatal(err)
	}
	r, err := proof.Decode[proof.UnlockRequest](der)
	if err != nil || code != proof.UnlockCode(r.Digest()) {
		t.Fatal(err, code)
	}
	return r
}

// answer is the authority's.
func (d *lockedDesk) answer(t testing.TB, r proof.UnlockRequest, pins proof.AdminPINs) proof.Signed {
	t.Helper()
	to, err := gm.ParsePublicKey(r.Key)
	if err != nil {
		t.Fatal(err)
	}
	pins.Authority, pins.RequestDigest = r.Authority, r.Digest()
	envelope, err := gm.Seal(rand.Reader, to, proof.Encode(pins))
	if err != nil {
		t.Fatal(err)
	}
	return d.auth.Notarize(proof.UnlockAnswer{Authority: r.Authority, RequestDigest: r.Digest(), KeySerial: r.KeySerial, Envelope: envelope})
}

func try(pins ...string) proof.AdminPINs {
	p := proof.AdminPINs{Next: []byte(next)}
	for _, pin := range pins {
		p.Try = append(p.Try, []byte(pin))
	}
	return p
}

// adminTries are left; opensAdmin tells whether a PIN is the administrator's.
func (d *lockedDesk) adminTries(t testing.TB) int {
	t.Helper()
	k, err := softkey.Use(d.desk.keys["SK1"].Clone(), rand.Reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := k.AdminPINState(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s.Tries
}

func (d *lockedDesk) opensAdmin(t testing.TB, pin string) bool {
	t.Helper()
	k, err := softkey.Use(d.desk.keys["SK1"].Clone(), rand.Reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	return k.LoginAdmin(t.Context(), pin) == nil
}

func TestUnlockRequest(t *testing.T) {
	d := newLockedDesk(t)
	d.lock(t)
	r := d.request(t)
	if r.Authority != "ra" || r.KeySerial != "SK1" || r.PINTries != 0 || r.AdminTries != 5 || len(r.Nonce) != proof.NonceLength || len(r.Challenge) != 0 {
		t.Errorf("%+v", r)
	}
	shown := d.person.Shown[0]
	if shown.What != agent.ToRequestUnlock || !slices.Contains(shown.Facts, agent.Fact{Name: "request-code", Value: proof.UnlockCode(r.Digest())}) {
		t.Errorf("%+v", shown)
	}
	d.restart()
	if again := d.request(t); !bytes.Equal(again.Digest(), r.Digest()) {
		t.Error("another request while the first is open")
	}
	d.clock.T = d.clock.T.Add(24 * time.Hour)
	if later := d.request(t); bytes.Equal(later.Key, r.Key) {
		t.Error("the same key after a day")
	}
	d.person.Refuses = map[string]bool{agent.ToRequestUnlock: true}
	if _, _, err := d.RequestUnlock(t.Context(), "SK1", "ra"); !errors.Is(err, token.ErrDeclined) {
		t.Error(err)
	}
	files, err := os.ReadDir(d.folder)
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	if info, err := os.Stat(filepath.Join(d.folder, files[0].Name())); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 { // there the folder is the user's alone
		t.Error(info.Mode(), err)
	}
}

func TestUnlock(t *testing.T) {
	for _, c := range []struct {
		name    string
		pins    proof.AdminPINs
		outcome string
		tried   int
		admin   string // PIN afterwards
		left    int    // tries of the administrator's
	}{
		{"known", try(keeper), proof.UnlockChanged, 0, next, 5},
		{"another first", try("Keeper-00", keeper), proof.UnlockChanged, 0, next, 5},
		{"next lies there", proof.AdminPINs{Try: [][]byte{[]byte("Keeper-00"), []byte(keeper)}, Next: []byte(keeper)}, proof.UnlockChanged, 0, keeper, 5},
		{"next is refused", proof.AdminPINs{Try: [][]byte{[]byte("Keeper-00"), []byte(keeper)}, Next: []byte("short")}, proof.UnlockKept, 1, keeper, 5},
		{"unknown", try("Keeper-00"), proof.UnlockFailed, 0, keeper, 4},
		{"the last try is kept", try("1-wrong", "2-wrong", "3-wrong", "4-wrong", keeper), proof.UnlockFailed, 0, keeper, 1},
	} {
		d := newLockedDesk(t)
		d.lock(t)
		r := d.request(t)
		d.restart()
		d.person.Chosen = []string{fresh}
		u, err := d.Unlock(t.Context(), "SK1", d.answer(t, r, c.pins))
		if err != nil || u.Outcome != c.outcome {
			t.Errorf("%s: %s %v", c.name, u.Outcome, err)
			continue
		}
		m, err := proof.CheckUnlockReport(u.Report, r)
		if err != nil || len(u.Report.Signatures) != 1 /* no pair on the key signs */ || m.Outcome != c.outcome || m.Tried != c.tried || m.KeySerial != "SK1" || !bytes.Equal(m.RequestDigest, r.Digest()) {
			t.Errorf("%s: %+v %v", c.name, m, err)
		}
		if !d.opensAdmin(t, c.admin) || d.adminTries(t) != c.left {
			t.Errorf("%s: %d tries", c.name, d.adminTries(t))
		}
		if d.opens(t, fresh) != (c.outcome != proof.UnlockFailed) {
			t.Errorf("%s: the new PIN opens: %v", c.name, d.opens(t, fresh))
		}
		asked := len(d.person.Chose)
		again, err := d.Unlock(t.Context(), "SK1", d.answer(t, r, c.pins))
		if err != nil || !bytes.Equal(proof.Encode(again.Report), proof.Encode(u.Report)) || len(d.person.Chose) != asked {
			t.Errorf("%s: again: %v, asked %d times", c.name, err, len(d.person.Chose))
		}
	}
}

// TestUnlockPowerCut cuts the power at every write of an unlocking, in every
// way; the same answer again comes through, with one try too many at most.
func TestUnlockPowerCut(t *testing.T) {
	answers := map[string]proof.AdminPINs{
		"known": try(keeper), "another first": try("Keeper-00", keeper), "pending": {Try: [][]byte{[]byte(keeper), []byte(next)}, Next: []byte(next)},
	}
	for name, pins := range answers {
		for n := 1; ; n++ {
			reached := false
			for _, mode := range []softkey.Cut{softkey.Before, softkey.After, softkey.Torn} {
				d := newLockedDesk(t)
				d.lock(t)
				r := d.request(t)
				answer := d.answer(t, r, pins)
				least := 5
				cut := false
				d.keys.cut = func(w int, what string) softkey.Cut {
					if w == n && !cut {
						cut, reached = true, true
						return mode
					}
					return softkey.None
				}
				d.restart()
				d.person.Chosen = []string{fresh, "Bright-3", "Bright-4"}
				_, err := d.Unlock(t.Context(), "SK1", answer)
				if !cut {
					break
				}
				least = min(least, d.adminTries(t))
				d.restart()
				u, again := d.Unlock(t.Context(), "SK1", answer)
				if again != nil || u.Outcome != proof.UnlockChanged {
					t.Errorf("%s, write %d mode %d: %v, then %s %v", name, n, mode, err, u.Outcome, again)
					continue
				}
				chosen := []string{"", fresh, "Bright-3"}[len(d.person.Chose)]
				if !d.opens(t, chosen) || !d.opensAdmin(t, next) || d.adminTries(t) != 5 {
					t.Errorf("%s, write %d mode %d: not unlocked", name, n, mode)
				}
				wrong := 0
				if name == "another first" {
					wrong = 1
				}
				if least < 5-1-wrong {
					t.Errorf("%s, write %d mode %d: %d tries left on the way", name, n, mode, least)
				}
			}
			if !reached {
				if n < 5 {
					t.Errorf("%s: an unlocking has %d writes", name, n-1)
				}
				break
			}
		}
	}
}

// TestUnlockNeedlessTries: what is known to be wrong, or to lie on the key, is
// not found out twice.
func TestUnlockNeedlessTries(t *testing.T) {
	d := newLockedDesk(t)
	d.lock(t)
	r := d.request(t)
	answer := d.answer(t, r, try("Keeper-00", keeper))
	tried := map[string]int{}
	d.keys.cut = func(_ int, what string) softkey.Cut {
		tried[what]++
		if what == "unblock" && tried[what] == 1 {
			return softkey.Before
		}
		return softkey.None
	}
	d.restart()
	d.person.Chosen = []string{fresh, fresh}
	if _, err := d.Unlock(t.Context(), "SK1", answer); !errors.Is(err, token.ErrRemoved) {
		t.Fatal(err)
	}
	if _, err := d.Unlock(t.Context(), "SK1", answer); err != nil {
		t.Fatal(err)
	}
	if tried["change-admin-pin"] != 2 || tried["unblock"] != 2 {
		t.Errorf("%v", tried)
	}
}

// TestUnlockReportedLater: an agent that ended between the unlocking and its
// report makes the report, and asks and tries nothing.
func TestUnlockReportedLater(t *testing.T) {
	d := newLockedDesk(t)
	d.install(t)
	d.lock(t)
	r := d.request(t)
	files, err := filepath.Glob(filepath.Join(d.folder, "*"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	held, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	answer := d.answer(t, r, try(keeper))
	d.person.Chosen = []string{fresh}
	if _, err := d.Unlock(t.Context(), "SK1", answer); err != nil {
		t.Fatal(err)
	}
	held = bytes.Replace(held, []byte("{"), []byte(`{"changed":true,"outcome":"changed",`), 1)
	if err := os.WriteFile(files[0], held, 0o600); err != nil {
		t.Fatal(err)
	}
	d.restart()
	u, err := d.Unlock(t.Context(), "SK1", answer)
	if err != nil || u.Outcome != proof.UnlockChanged || len(d.person.Chose) != 1 || len(u.Report.Signatures) != 1 {
		t.Errorf("%+v %v, asked %d times", u, err, len(d.person.Chose))
	}
}

// TestUnlockSigned: a pair of the authority on the key signs the report too.
func TestUnlockSigned(t *testing.T) {
	d := newLockedDesk(t)
	pair := d.install(t)
	d.lock(t)
	r := d.request(t)
	d.person.Chosen = []string{fresh}
	u, err := d.Unlock(t.Context(), "SK1", d.answer(t, r, try(keeper)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := proof.CheckUnlockReport(u.Report, r); err != nil {
		t.Error(err)
	}
	if len(u.Report.Signatures) != 2 || !bytes.Equal(u.Report.Signatures[1].Certificate, pair) {
		t.Fatal("another signer")
	}
	c, err := gm.ParseCertificate(pair)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := proof.VerifyKey[proof.UnlockReport](proof.Signed{Message: u.Report.Message, Signatures: u.Report.Signatures[1:]}, c.PublicKey); err != nil {
		t.Error(err)
	}
}

// install puts a pair on the key.
func (d *lockedDesk) install(t testing.TB) []byte {
	t.Helper()
	k, err := softkey.Use(d.desk.keys["SK1"], rand.Reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Login(t.Context(), pin); err != nil {
		t.Fatal(err)
	}
	c, err := k.Create(t.Context(), "ch-ra-c1-1")
	if err != nil {
		t.Fatal(err)
	}
	pub, err := c.GenerateSigningKey(t.Context(), gm.SM2)
	if err != nil {
		t.Fatal(err)
	}
	p := d.auth.Issue("c1", 1, "", "医院", pub, 1)
	if err := c.ImportCertificate(t.Context(), token.Signing, p.Bundle.Sign); err != nil {
		t.Fatal(err)
	}
	return p.Bundle.Sign
}

// TestUnlockRefuses: nothing is asked and nothing done for an answer that is
// not the authority's, or not to the request that waits.
func TestUnlockRefuses(t *testing.T) {
	d := newLockedDesk(t)
	d.lock(t)
	r := d.request(t)
	other := desktest.New(t, "ra")
	foreign := &lockedDesk{desk: &desk{auth: other}}
	unasked := r
	unasked.Nonce = make([]byte, proof.NonceLength)
	another := r
	another.KeySerial = "SK2"
	for what, c := range map[string]struct {
		answer proof.Signed
		want   error
	}{
		"another root":    {foreign.answer(t, r, try(keeper)), token.ErrUntrusted},
		"another request": {d.answer(t, unasked, try(keeper)), agent.ErrUnlockUnknown},
		"another key":     {d.answer(t, another, try(keeper)), agent.ErrUnlockUnknown},
		"no answer":       {d.auth.Notarize(proof.UnlockReport{Authority: "ra"}), proof.ErrMalformed},
	} {
		if _, err := d.Unlock(t.Context(), "SK1", c.answer); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if len(d.person.Chose) != 0 || d.adminTries(t) != 5 {
		t.Error("something was asked or tried")
	}
	d.person.Chosen = nil // he gives up
	if _, err := d.Unlock(t.Context(), "SK1", d.answer(t, r, try(keeper))); !errors.Is(err, token.ErrDeclined) || d.adminTries(t) != 5 || !d.opensAdmin(t, keeper) {
		t.Errorf("done without a new PIN: %v", err)
	}
	d.person.Chosen = []string{"short", fresh}
	if _, err := d.Unlock(t.Context(), "SK1", d.answer(t, r, try(keeper))); err != nil || d.person.Chose[len(d.person.Chose)-1].Why != agent.NewPINRefused {
		t.Error(err, d.person.Chose)
	}
}

// TestUnlockNoAdminPIN: where no answer could help, that is said at once.
func TestUnlockNoAdminPIN(t *testing.T) {
	d := newLockedDesk(t)
	k, err := softkey.Use(d.desk.keys["SK1"], rand.Reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		_ = k.LoginAdmin(t.Context(), "wrong-pin")
	}
	if _, _, err := d.RequestUnlock(t.Context(), "SK1", "ra"); !errors.Is(err, token.ErrAdminPINLocked) {
		t.Error(err)
	}
}

// maker's secret of the key.
var maker = []byte("the maker's own secret")

// puzzle is a key that its maker unlocks.
type puzzle struct{ *softkey.Key }

func (p puzzle) Challenge(ctx context.Context) ([]byte, error) { return p.Question(ctx) }

func (p puzzle) Respond(ctx context.Context, answer []byte, pin string) error {
	return p.UnblockByAnswer(ctx, answer, pin)
}

// puzzles are such keys, in a driver that forgets its questions when it begins anew.
type puzzles struct {
	drawer
	broken error // what it answers to a response
}

func (p puzzles) Open(_ context.Context, serial string) (token.Key, error) {
	k, err := softkey.Use(p.drawer[serial], rand.Reader, nil)
	if err != nil || p.broken != nil {
		return clueless{puzzle{k}, p.broken}, err
	}
	return puzzle{k}, err
}

// clueless is a key whose library has codes of its own.
type clueless struct {
	puzzle
	says error
}

func (c clueless) Respond(context.Context, []byte, string) error { return c.says }

// newPuzzle is a PC with a locked key that its maker unlocks.
func newPuzzle(t testing.TB) *lockedDesk {
	t.Helper()
	d := newLockedDesk(t)
	m := softkey.NewMemory()
	if err := softkey.Format(m, softkey.Options{Serial: "SK1", PIN: pin, Tries: 3, AdminPIN: keeper, AdminTries: 5, MakerSecret: maker, Iterations: 1}); err != nil {
		t.Fatal(err)
	}
	d.desk.keys["SK1"] = m
	d.lock(t)
	d.begin(nil)
	return d
}

// begin starts agent and driver anew.
func (d *lockedDesk) begin(broken error) {
	d.Agent = agent.New(agent.Options{
		Keys: puzzles{d.desk.keys, broken}, Roots: d.auth.Roots(), Person: d.person, Clock: d.clock, Random: rand.Reader, Unlocking: d.folder,
	})
}

// responded is the authority's answer with what a maker with a secret says.
func (d *lockedDesk) responded(t testing.TB, r proof.UnlockRequest, secret []byte) proof.Signed {
	t.Helper()
	response, err := softkey.Answer(rand.Reader, secret, r.Challenge)
	if err != nil {
		t.Fatal(err)
	}
	return d.answer(t, r, proof.AdminPINs{Response: response})
}

func TestUnlockChallenge(t *testing.T) {
	for name, c := range map[string]struct {
		secret  []byte
		anew    bool  // the driver begins anew before the response
		broken  error // then it answers this
		outcome string
	}{
		"the maker's":            {maker, false, nil, proof.UnlockAnswered},
		"somebody else's":        {[]byte("somebody else's secret"), false, nil, proof.UnlockUnanswered},
		"the question is gone":   {maker, true, nil, proof.UnlockUnanswered},
		"… by a code of its own": {maker, true, token.ErrDriverWrong, proof.UnlockUnanswered},
		"locked for good":        {maker, true, token.ErrAdminPINLocked, proof.UnlockFailed},
	} {
		d := newPuzzle(t)
		r := d.request(t)
		if len(r.Challenge) != softkey.QuestionLength {
			t.Fatalf("%q", r.Challenge)
		}
		if c.anew {
			d.begin(c.broken)
		}
		d.person.Chosen = []string{fresh, "Bright-3"}
		u, err := d.Unlock(t.Context(), "SK1", d.responded(t, r, c.secret))
		if err != nil || u.Outcome != c.outcome || d.opens(t, fresh) != (c.outcome == proof.UnlockAnswered) {
			t.Errorf("%s: %s %v", name, u.Outcome, err)
		}
		if m, err := proof.CheckUnlockReport(u.Report, r); err != nil || m.Outcome != c.outcome {
			t.Errorf("%s: reported %+v, %v", name, m, err)
		}
		if c.outcome == proof.UnlockAnswered {
			continue
		}
		d.begin(nil)
		again := d.request(t)
		if bytes.Equal(again.Challenge, r.Challenge) {
			t.Errorf("%s: the same question", name)
		}
		if u, err := d.Unlock(t.Context(), "SK1", d.responded(t, again, maker)); err != nil || u.Outcome != proof.UnlockAnswered {
			t.Errorf("%s: asked anew: %s %v", name, u.Outcome, err)
		}
	}
}
