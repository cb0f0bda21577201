package doctor

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"os"
	"regexp"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/emmansun/gmsm/sm2"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/desk/agent"
	"github.com/certhall/certhall/desk/agent/trust"
	"github.com/certhall/certhall/desk/courier"
	"github.com/certhall/certhall/desk/desktest"
	"github.com/certhall/certhall/desk/doctor/neighbours"
	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/locale"
)

const address = "https://hall.example"

type hall struct {
	facts   courier.Facts
	err     error
	message string // why it is not ready
	issuers [][]byte
}

func (h hall) Facts(context.Context) (courier.Facts, error) { return h.facts, h.err }
func (h hall) Ready(context.Context) (bool, string, error)  { return h.message == "", h.message, nil }
func (h hall) OriginList(context.Context) ([]byte, [][]byte, error) {
	return nil, h.issuers, nil
}

type keys struct {
	listed []agent.Listed
	err    error
}

func (k keys) List(context.Context) ([]agent.Listed, error) { return k.listed, k.err }

// box is a container of which only the name is asked.
type box struct{ token.Container }

func (box) Name() string { return "old" }

// pc is one where everything is fine, but that nobody is asked for states.
type pc struct {
	Doctor
	hall    hall
	keys    keys
	auth    *desktest.Authority
	holding *token.Holding
	server  time.Time
}

func newPC(t *testing.T) *pc {
	auth := desktest.New(t, "ra")
	sign, err := sm2.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	pair := auth.Issue("case", 1, "", "某某公司", &sign.PublicKey, 2)
	certificate, err := gm.ParseCertificate(pair.Bundle.Sign)
	if err != nil {
		t.Fatal(err)
	}
	enc, err := gm.ParseCertificate(pair.Bundle.Enc)
	if err != nil {
		t.Fatal(err)
	}
	encKey, err := gm.CertificateKey(enc)
	if err != nil {
		t.Fatal(err)
	}
	root := auth.Roots()[0]
	p := &pc{auth: auth, server: desktest.Now, holding: &token.Holding{Container: box{}, Sign: certificate, Enc: enc, SignKey: &sign.PublicKey, EncKey: encKey}}
	p.hall = hall{facts: courier.Facts{Name: "大厅", Authority: "ra", Origin: address, Fingerprint: hex.EncodeToString(gm.SM3(root.Raw))}, issuers: auth.Chain()}
	p.keys.listed = []agent.Listed{{Info: token.Info{Serial: "S1", Label: "海泰KEY"}, PIN: token.PINState{Tries: 6}, Room: 3, Containers: []*token.Holding{p.holding}}}
	p.Doctor = Doctor{
		Server: address, Listed: true, Folder: "keys", Clock: &desktest.Clock{T: desktest.Now},
		Known: []trust.Authority{{Root: root, List: trust.List{Authority: "ra", Number: 7, Until: desktest.Now.AddDate(1, 0, 0)}, Portals: []string{address}}},
	}
	return p
}

func (p *pc) examine(t *testing.T) []Finding {
	if p.Hall == nil && p.Server != "" {
		p.Hall = p.hall
	}
	p.Doctor.Keys = p.keys
	p.Heard = func() (time.Time, time.Time) { return p.server, p.Doctor.Clock.Now() }
	told := 0
	found := p.Examine(t.Context(), func(Finding) { told++ })
	if told != len(found) {
		t.Errorf("told %d of %d findings", told, len(found))
	}
	return found
}

// TestFindings: each thing that can be wrong is named, and nothing else is.
func TestFindings(t *testing.T) {
	for name, c := range map[string]struct {
		wrong func(*pc)
		want  []string // codes beside those of the PC where all is fine
	}{
		"nothing":            {func(*pc) {}, nil},
		"no server":          {func(p *pc) { p.Server, p.server = "", time.Time{} }, []string{"server-not-named", "authority-unasked", "clock-unasked"}},
		"unreachable":        {func(p *pc) { p.hall.err, p.server = courier.ErrUnreachable, time.Time{} }, []string{"server-unreachable", "authority-unasked", "clock-unasked"}},
		"web certificate":    {func(p *pc) { p.hall.err = courier.ErrUnreachable.Because(&tls.CertificateVerificationError{}) }, []string{"server-tls", "authority-unasked"}},
		"no address":         {func(p *pc) { p.hall.err = courier.ErrAddress }, []string{"server-address", "authority-unasked"}},
		"another server":     {func(p *pc) { p.hall.err = courier.ErrAnswer }, []string{"server-no-hall", "authority-unasked"}},
		"another origin":     {func(p *pc) { p.Server = "https://other.example" }, []string{"server-origin"}},
		"sealed":             {func(p *pc) { p.hall.message = "已封存" }, []string{"server-not-ready"}},
		"trusts nobody":      {func(p *pc) { p.Known = nil }, []string{"authority-none"}},
		"other authority":    {func(p *pc) { p.hall.facts.Fingerprint, p.hall.facts.Authority = "00", "other" }, []string{"authority-unknown"}},
		"other root":         {func(p *pc) { p.hall.facts.Fingerprint = "00" }, []string{"authority-other-root"}},
		"no list":            {func(p *pc) { p.Known[0].List = trust.List{} }, []string{"authority-no-list"}},
		"list expired":       {func(p *pc) { p.Known[0].List.Expired = true }, []string{"authority-list-expired"}},
		"no portal":          {func(p *pc) { p.Known[0].Portals = nil }, []string{"authority-no-portal"}},
		"root by file":       {func(p *pc) { p.Known[0].List, p.Listed = trust.List{}, false }, []string{"authority-fine-file"}},
		"clock ahead":        {func(p *pc) { p.server = desktest.Now.Add(-time.Hour) }, []string{"clock-ahead"}},
		"clock behind":       {func(p *pc) { p.server = desktest.Now.Add(time.Hour) }, []string{"clock-behind"}},
		"no keys":            {func(p *pc) { p.keys.listed = nil }, []string{"keys-none"}},
		"keys unreadable":    {func(p *pc) { p.keys.err = errors.New("no permission") }, []string{"keys-unreadable"}},
		"key busy":           {func(p *pc) { p.keys.listed[0].Trouble = token.ErrKeyBusy }, []string{"key-busy"}},
		"driver slow":        {func(p *pc) { p.keys.listed[0].Trouble = token.ErrDriverSlow.With("library", "acme") }, []string{"key-slow"}},
		"key damaged":        {func(p *pc) { p.keys.listed[0].Trouble = token.ErrKeyDamaged }, []string{"key-trouble"}},
		"PIN locked":         {func(p *pc) { p.keys.listed[0].PIN = token.PINState{Locked: true} }, []string{"key-locked"}},
		"last try":           {func(p *pc) { p.keys.listed[0].PIN = token.PINState{Tries: 1, Final: true} }, []string{"key-last-try"}},
		"tries uncounted":    {func(p *pc) { p.keys.listed[0].PIN = token.PINState{Tries: -1} }, []string{"key-fine-uncounted"}},
		"begun":              {func(p *pc) { *p.holding = token.Holding{Container: box{}, SignKey: p.holding.SignKey} }, []string{"certificate-begun"}},
		"key missing":        {func(p *pc) { p.holding.SignKey = nil }, []string{"certificate-incomplete"}},
		"half of a pair":     {func(p *pc) { p.holding.EncKey = nil }, []string{"certificate-incomplete"}},
		"foreign":            {func(p *pc) { p.hall.issuers = desktest.New(t, "other").Chain() }, []string{"certificate-foreign"}},
		"expired":            {func(p *pc) { p.later(2, 1) }, []string{"certificate-expired"}},
		"not yet valid":      {func(p *pc) { p.later(-20, 0) }, []string{"certificate-future"}},
		"old agent":          {func(p *pc) { p.hall.facts.AgentAPI = certhall.AgentAPI + 1 }, []string{"agent-old"}},
		"newer agent":        {func(p *pc) { p.hall.facts.AgentAPI = certhall.AgentAPI - 1 }, nil},
		"full":               {func(p *pc) { p.keys.listed[0].Room = 0 }, []string{"key-full"}},
		"nothing on it":      {func(p *pc) { p.keys.listed[0].Containers = nil }, []string{"key-empty"}},
		"only others' on it": {func(p *pc) { p.keys.listed[0].Containers, p.keys.listed[0].Others = nil, 2 }, []string{"key-foreign"}},
		"others' on it":      {func(p *pc) { p.keys.listed[0].Others = 2 }, []string{"key-others"}},
		"driver":             {func(p *pc) { p.drives(Driver{Name: "A", Path: "a.so", Arch: runtime.GOARCH}) }, []string{"driver-fine"}},
		"named, not there":   {func(p *pc) { p.drives(Driver{Name: "A", Err: token.ErrDriverMissing}) }, []string{"driver-trouble"}},
		"told once": {func(p *pc) {
			p.drives(Driver{Name: "A", Path: "a.so", Err: token.ErrDriverHung})
			p.keys.listed = append(p.keys.listed, agent.Listed{Info: token.Info{Label: "A", Library: "A", Trouble: token.ErrDriverHung}})
		}, []string{"driver-trouble"}},
		"a key that cannot be named": {func(p *pc) {
			p.drives(Driver{Name: "A", Path: "a.so", Arch: runtime.GOARCH})
			p.keys.listed = append(p.keys.listed, agent.Listed{Info: token.Info{Label: "dev", Library: "A", Trouble: token.ErrKeyBusy}, Room: -1})
		}, []string{"driver-fine", "key-busy"}},
		"no driver, no key": {func(p *pc) {
			p.keys.listed = nil
			p.Drivers = func(context.Context) []Driver { return nil }
		}, []string{"driver-none", "keys-none"}},
		"another machine's": {func(p *pc) {
			p.drives(Driver{Name: "A", Path: "a.so", Arch: "mips", Err: token.ErrDriverMissing.With("library", "A")})
		}, []string{"driver-arch"}},
		"driver answers late": {func(p *pc) {
			p.drives(Driver{Name: "A", Path: "a.so", Err: token.ErrDriverSlow.With("library", "A").With("seconds", "30")})
			p.keys.listed = []agent.Listed{{Info: token.Info{Label: "A", Library: "A", Trouble: token.ErrDriverSlow}}}
		}, []string{"driver-slow"}}, // not that there is no key
		"driver crashes": {func(p *pc) { p.drives(Driver{Name: "A", Path: "a.so", Err: token.ErrDriverCrashed}) }, []string{"driver-trouble"}},
		"nobody else":    {func(p *pc) { p.meets() }, []string{"other-none"}},
		"nobody to ask": {func(p *pc) {
			p.Neighbours = func(context.Context, neighbours.Wanted) ([]neighbours.Neighbour, error) { return nil, errors.New("no") }
		}, []string{"other-unasked"}},
		"another's port": {func(p *pc) { p.meets(neighbours.Neighbour{PID: 7, Program: "x", Port: 1}) }, []string{"other-port"}},
		"a hidden one's": {func(p *pc) { p.meets(neighbours.Neighbour{Port: 1}) }, []string{"other-port-hidden"}},
		"another's hold": {func(p *pc) {
			p.meets(neighbours.Neighbour{PID: 7, Program: "x", Library: "l.so"}, neighbours.Neighbour{PID: 7, Program: "x", File: "f"})
		}, []string{"other-library", "other-holds"}},
		"ourselves":        {func(p *pc) { p.meets(neighbours.Neighbour{PID: 7, Program: "x", Own: true, Library: "l.so"}) }, []string{"other-none"}},
		"not served":       {func(p *pc) { p.meets(); p.Served = false }, []string{"agent-not-running", "other-none"}},
		"served elsewhere": {func(p *pc) { p.meets(neighbours.Neighbour{PID: 7, Own: true, Port: 2}); p.Served = false }, []string{"agent-running", "other-none"}},
		"no port left": {func(p *pc) {
			p.meets(neighbours.Neighbour{PID: 7, Port: 1}, neighbours.Neighbour{Port: 2})
			p.Served = false
		}, []string{"agent-no-port", "other-port", "other-port-hidden"}},
		"by the hall, not": {func(p *pc) { p.Doctor.Clock = &desktest.Clock{T: desktest.Now.AddDate(3, 0, 0)} }, []string{"clock-ahead"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPC(t)
			c.wrong(p)
			usual := []string{"server-fine", "agent-fine", "authority-fine", "clock-fine", "keys-found", "key-fine", "key-room", "certificate-unasked"}
			var got []string
			for _, f := range p.examine(t) {
				if !slices.Contains(usual, f.Code) {
					got = append(got, f.Code)
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("found %v, want %v", got, c.want)
			}
		})
	}
}

// TestRoomUntold: a driver that does not tell is not told of.
func TestRoomUntold(t *testing.T) {
	p := newPC(t)
	p.keys.listed[0].Room = -1
	if found := p.examine(t); slices.ContainsFunc(found, func(f Finding) bool { return f.Code == "key-room" }) {
		t.Errorf("%+v", found)
	}
}

// drives lets this library be known on the PC.
func (p *pc) drives(l Driver) { p.Drivers = func(context.Context) []Driver { return []Driver{l} } }

// meets lets the agent serve at two ports beside these programs.
func (p *pc) meets(found ...neighbours.Neighbour) {
	p.Served, p.Ports = true, []int{1, 2}
	p.Neighbours = func(context.Context, neighbours.Wanted) ([]neighbours.Neighbour, error) { return found, nil }
}

// TestWanted: drivers that are installed, and locks, are looked for at others.
func TestWanted(t *testing.T) {
	p := newPC(t)
	var wanted neighbours.Wanted
	p.Ports, p.Locks = []int{1}, func() []string { return []string{"lock"} }
	p.Drivers = func(context.Context) []Driver { return []Driver{{Name: "A", Path: "a.so"}, {Name: "B"}} }
	p.Neighbours = func(_ context.Context, w neighbours.Wanted) ([]neighbours.Neighbour, error) {
		wanted = w
		return nil, nil
	}
	p.examine(t)
	if !slices.Equal(wanted.Libraries, []string{"a.so"}) || !slices.Equal(wanted.Files, []string{"lock"}) || !slices.Equal(wanted.Ports, []int{1}) {
		t.Errorf("%+v", wanted)
	}
}

// TestWords: an error's own words, the known program's name and how to stop it,
// and what only a page is told.
func TestWords(t *testing.T) {
	known := &neighbours.Program{Names: map[string]string{"zh-CN": "某某助手", "en": "some assistant"}, Stop: "tray"}
	for name, c := range map[string]struct {
		f             Finding
		reader        Reader
		message, hint string
	}{
		"error":   {finding(Key, Fault, "key-trouble", "key", "K", "serial", "S").because(token.ErrKeyDamaged), Page, "K S: The data on the key is damaged", "Do not write to it again, and ask support"},
		"known":   {Finding{Verdict: Note, Code: "other-port", Params: map[string]string{"program": "x.exe", "pid": "7", "port": "1"}, known: known}, Page, "some assistant (x.exe, process 7) uses port 1", "Before you begin, find its icon (some assistant) beside the clock, right-click it and choose Quit; if there is none, end x.exe in the task manager"},
		"unknown": {finding(Others, Note, "other-holds", "program", "x", "pid", "7", "file", "f"), Terminal, "x (process 7) has hold of a key (f)", "Wait until it is done, or quit x"},
		"page":    {finding(Keys, Fine, "keys-found", "count", "1", "folder", "keys"), Page, "1 found", ""},
		"line":    {finding(Keys, Fine, "keys-found", "count", "1", "folder", "keys"), Terminal, "1 found (keys)", ""},
	} {
		if message, hint := c.f.Words(locale.English, c.reader); message != c.message || hint != c.hint {
			t.Errorf("%s: %q %q", name, message, hint)
		}
	}
}

// later moves PC and hall by years and a day or so.
func (p *pc) later(years, days int) {
	p.server = desktest.Now.AddDate(years, 0, days)
	p.Doctor.Clock = &desktest.Clock{T: p.server}
}

// TestTexts: every finding has its words, and what is not fine says what to do.
func TestTexts(t *testing.T) {
	codes := regexp.MustCompile(`(?:add|finding)\(\w+, (\w+), "([a-z-]+)"`)
	n := 0
	for _, file := range []string{"hall.go", "agent.go", "drivers.go", "keys.go", "others.go"} {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range codes.FindAllStringSubmatch(string(source), -1) {
			n++
			for _, lang := range []string{locale.Chinese, locale.English} {
				for _, key := range []string{"doctor." + m[2], "doctor." + m[2] + ".hint"} {
					said := locale.Text(lang, key, nil)
					if hint := key != "doctor."+m[2]; (said == key) == (!hint || m[1] != "Fine") {
						t.Errorf("%s %s: %q", lang, key, said)
					}
				}
			}
		}
	}
	if n < 52 {
		t.Errorf("found only %d findings: the search is broken", n)
	}
}

// TestSucceeds: what took a certificate's place is whole, the same holder's and
// newer; where no such one lies on the key, a superseded one is told as revoked.
func TestSucceeds(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*token.Holding)
		want   bool
	}{
		"the next":        {func(*token.Holding) {}, true},
		"the same":        {func(h *token.Holding) { h.Sign.NotBefore = h.Sign.NotBefore.AddDate(-1, 0, 0) }, false},
		"of another":      {func(h *token.Holding) { h.Sign.RawSubject = nil }, false},
		"without its key": {func(h *token.Holding) { h.SignKey = nil }, false},
		"none":            {func(h *token.Holding) { h.Sign = nil }, false},
	} {
		h := newPC(t).holding
		next, sign := *h, *h.Sign
		sign.NotBefore = sign.NotBefore.AddDate(1, 0, 0)
		next.Sign = &sign
		if c.change(&next); succeeds(&next, h) != c.want {
			t.Errorf("%s: %v", name, !c.want)
		}
	}
}
