package trust_test

import (
	"bytes"
	"encoding/pem"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emmansun/gmsm/smx509"

	"github.com/certhall/certhall/desk/agent/trust"
	"github.com/certhall/certhall/desk/desktest"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/proof"
)

const hall = "https://hall.example"

var (
	portal = proof.Portal{Origin: hall, Name: "大厅"}
	later  = desktest.Now.AddDate(0, 3, 0)
)

type desk struct {
	*trust.Folder
	t     *testing.T
	dir   string
	clock *desktest.Clock
	log   *bytes.Buffer
	auth  *desktest.Authority
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{t: t, dir: t.TempDir(), clock: &desktest.Clock{T: desktest.Now}, log: new(bytes.Buffer), auth: desktest.New(t, "ra")}
	d.write("house.cer", roots(d.auth))
	d.open()
	return d
}

func (d *desk) open() {
	d.t.Helper()
	var err error
	if d.Folder, err = trust.Open(d.dir, d.clock, slog.New(slog.NewTextHandler(d.log, nil))); err != nil {
		d.t.Fatal(err)
	}
}

func (d *desk) write(name string, data []byte) {
	d.t.Helper()
	if err := os.WriteFile(filepath.Join(d.dir, name), data, 0o600); err != nil {
		d.t.Fatal(err)
	}
}

func (d *desk) take(list []byte, want error) {
	d.t.Helper()
	if err := d.Take(list); !errors.Is(err, want) {
		d.t.Fatalf("%v, want %v", err, want)
	}
}

func roots(a *desktest.Authority) []byte {
	var all []byte
	for _, p := range []desktest.Party{a.Root, a.Issuing} {
		all = append(all, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.Certificate.Raw})...)
	}
	return all
}

// TestTake: the highest number is kept, over restarts too.
func TestTake(t *testing.T) {
	d := newDesk(t)
	if _, ok := d.Site(hall); ok {
		t.Fatal("known before there was a list")
	}
	first := d.auth.Origins(7, later, portal)
	d.take(first, nil)
	d.take(first, nil)
	d.take(d.auth.Origins(7, later, portal), nil) // the same, signed anew
	s, ok := d.Site(hall)
	if !ok || s.Name != "大厅" || s.Trust == nil || !slices.Equal(s.Authorities(), []string{"ra"}) || s.Lists[0].Number != 7 || !s.Lists[0].Until.Equal(later) {
		t.Fatalf("%+v", s)
	}
	for _, lookAlike := range []string{"https://hall.example.evil.example", "https://HALL.example", "https://hall.example:443", "https://hall.example/", "http://hall.example", "https://hall.example.", "null", ""} {
		if _, ok := d.Site(lookAlike); ok {
			t.Errorf("%q is taken for the portal", lookAlike)
		}
	}
	d.take(d.auth.Origins(6, later, portal), trust.ErrOlder)
	d.take(d.auth.Origins(7, later, portal, proof.Portal{Origin: "https://evil.example"}), trust.ErrOlder)
	d.open()
	d.take(d.auth.Origins(6, later, portal), trust.ErrOlder)
	d.take(d.auth.Origins(8, later, proof.Portal{Origin: "https://new.example"}), nil)
	if _, ok := d.Site(hall); ok {
		t.Error("what the newer list left out is still known")
	}
	left, err := os.ReadDir(d.dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range left {
		if strings.Contains(e.Name(), ".origins.") {
			t.Errorf("left behind: %s", e.Name())
		}
	}
}

// TestForged: nobody but the authority's origin-list certificate makes lists.
func TestForged(t *testing.T) {
	d := newDesk(t)
	other := desktest.New(t, "ra")
	list := proof.OriginList{Authority: "ra", Number: 9, NotBefore: desktest.Now, Expiry: later, Portals: []proof.Portal{portal}}
	signed := func(p desktest.Party, m proof.Message) []byte { return proof.Encode(desktest.SignAs(t, p, m)) }
	twice, err := proof.Decode[proof.Signed](d.auth.Origins(9, later, portal))
	if err != nil {
		t.Fatal(err)
	}
	changed := twice
	changed.Message = proof.Encode(proof.OriginList{Authority: "ra", Number: 10, NotBefore: desktest.Now, Expiry: later, Portals: list.Portals})
	twice.Signatures = append(twice.Signatures, twice.Signatures[0])
	beyond := list
	beyond.Expiry = d.auth.Lister.Certificate.NotAfter.Add(time.Second)
	for name, der := range map[string][]byte{
		"nothing":                  nil,
		"garbage":                  []byte("garbage"),
		"unsigned":                 proof.Encode(list),
		"by another root":          other.Origins(9, later, portal),
		"by the notary":            signed(d.auth.Notary, list),
		"by the issuing CA":        signed(d.auth.Issuing, list),
		"by the root":              signed(d.auth.Root, list),
		"changed":                  proof.Encode(changed),
		"signed twice":             proof.Encode(twice),
		"longer than its signer's": signed(d.auth.Lister, beyond),
		"another message":          signed(d.auth.Lister, proof.Closing{Authority: "ra", Case: "c1", Outcome: proof.Closed}),
	} {
		if err := d.Take(der); !errors.Is(err, trust.ErrList) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, id := range []string{"", "..", "a/b", "RA", "ra-1", "thirteenchars"} {
		l := list
		l.Authority = id
		if err := d.Take(signed(d.auth.Lister, l)); !errors.Is(err, trust.ErrList) {
			t.Errorf("authority %q: %v", id, err)
		}
	}
	for _, p := range []proof.Portal{
		{Origin: "null"}, {Origin: ""}, {Origin: "*"}, {Origin: "https://*"}, {Origin: "http://hall.example"}, {Origin: "https://hall.example/"}, {Origin: "https://HALL.example"},
		{Origin: "https://u@hall.example"}, {Origin: "file:///x"}, {Origin: "https://hall.example:443/"}, {Origin: "https://hall.example?x"},
		{Origin: "https://a.example", Name: "two\nlines"}, {Origin: "https://a.example", Name: strings.Repeat("长", 61)},
	} {
		if err := d.Take(d.auth.Origins(9, later, portal, p)); !errors.Is(err, trust.ErrList) {
			t.Errorf("%+v: %v", p, err)
		}
	}
	if _, ok := d.Site(hall); ok {
		t.Error("a forged list was kept")
	}
	d.take(d.auth.Origins(1, later, portal, proof.Portal{Origin: "http://127.0.0.1:8083"}, proof.Portal{Origin: "http://localhost:8083"}), nil)
}

// TestExpired: a day after its end a list lets its origins do nothing but hand
// over a newer one.
func TestExpired(t *testing.T) {
	d := newDesk(t)
	d.take(d.auth.Origins(1, later, portal), nil)
	d.clock.T = later.Add(24 * time.Hour)
	if s, ok := d.Site(hall); !ok || s.Trust == nil {
		t.Fatalf("%+v", s)
	}
	d.clock.T = d.clock.T.Add(time.Second)
	if s, ok := d.Site(hall); !ok || s.Trust != nil || len(s.Authorities()) != 0 || len(s.Lists) != 1 {
		t.Fatalf("%+v", s)
	}
	d.take(d.auth.Origins(2, later, portal), trust.ErrExpired)
	d.take(d.auth.Origins(2, d.clock.T.AddDate(0, 1, 0), portal), nil)
	if s, ok := d.Site(hall); !ok || s.Trust == nil {
		t.Fatalf("%+v", s)
	}
	d.clock.T = desktest.Now.AddDate(-20, 0, 0) // a clock that lost its battery
	if s, ok := d.Site(hall); !ok || s.Trust == nil {
		t.Fatalf("%+v", s)
	}
}

// TestTwoAuthorities share the folder; a site is trusted with the roots of the
// lists that name it, and no other.
func TestTwoAuthorities(t *testing.T) {
	d := newDesk(t)
	d.take(d.auth.Origins(1, later, portal), nil)
	other := desktest.New(t, "rb")
	d.write("other.cer", roots(other)) // seen at once
	d.take(other.Origins(5, later, proof.Portal{Origin: "https://b.example"}), nil)
	a, _ := d.Site(hall)
	b, _ := d.Site("https://b.example")
	mine := end(t, d.auth)
	theirs := end(t, other)
	if a.AuthorityOf(mine) != "ra" || a.AuthorityOf(theirs) != "" || b.AuthorityOf(theirs) != "rb" || b.AuthorityOf(mine) != "" {
		t.Fatal("a site is trusted with another authority's pairs")
	}
	thief := desktest.New(t, "ra")
	d.write("thief.cer", roots(thief))
	d.take(thief.Origins(9, later, proof.Portal{Origin: "https://b.example"}), trust.ErrList)
}

// TestPredecessors: a site sees the certificates of the predecessors that its
// authority's list names, and of no others.
func TestPredecessors(t *testing.T) {
	d := newDesk(t)
	old, other := desktest.New(t, "rp"), desktest.New(t, "rb")
	d.write("other.cer", roots(other))
	list := proof.OriginList{Authority: "ra", Number: 1, NotBefore: desktest.Now, Expiry: later, Portals: []proof.Portal{portal}}
	for _, a := range []*desktest.Authority{old, other} {
		list.Predecessors = append(list.Predecessors, proof.Predecessor{
			Name: a.ID, Subject: a.Issuing.Certificate.RawSubject, Key: a.Issuing.Certificate.RawSubjectPublicKeyInfo,
		})
	}
	theirs := end(t, old)
	d.take(d.auth.Origins(0, later, portal), nil)
	if s, _ := d.Site(hall); s.AuthorityOf(theirs) != "" {
		t.Error("a stranger's pair is the site's")
	}
	d.take(proof.Encode(desktest.SignAs(t, d.auth.Lister, list)), nil)
	s, _ := d.Site(hall)
	if s.AuthorityOf(theirs) != "ra" {
		t.Error("the predecessor's pair is not the site's")
	}
	if s.AuthorityOf(end(t, other)) != "" {
		t.Error("a list took another trusted authority's pairs")
	}
}

func end(t *testing.T, a *desktest.Authority) *smx509.Certificate {
	t.Helper()
	pub, err := gm.CertificateKey(a.Notary.Certificate)
	if err != nil {
		t.Fatal(err)
	}
	return a.End("x", pub, smx509.KeyUsageDigitalSignature, 1)
}

// TestFilesThatCannotBeUsed are left out and named in the log; the others count.
func TestFilesThatCannotBeUsed(t *testing.T) {
	d := newDesk(t)
	d.take(d.auth.Origins(1, later, portal), nil)
	d.write("broken.cer", []byte("-----BEGIN nothing"))
	d.write("rb.origins", d.auth.Origins(2, later, portal)) // another's name
	d.write("rc.origins", []byte("garbage"))
	d.write(".hidden.cer", []byte("garbage"))
	d.open()
	if s, ok := d.Site(hall); !ok || len(s.Lists) != 1 {
		t.Fatalf("%+v", s)
	}
	for _, name := range []string{"broken.cer", "rb.origins", "rc.origins"} {
		if !strings.Contains(d.log.String(), name) {
			t.Errorf("%s is not named in the log", name)
		}
	}
	if strings.Contains(d.log.String(), ".hidden") {
		t.Error("a hidden file was read")
	}
	if f, err := trust.Open(filepath.Join(d.dir, "nowhere"), d.clock, slog.New(slog.DiscardHandler)); err != nil {
		t.Errorf("%v", err)
	} else if _, ok := f.Site(hall); ok {
		t.Error("known from nowhere")
	}
}

// TestFolderAway: nobody is trusted while the folder is away, and all are again
// when it is back as it was.
func TestFolderAway(t *testing.T) {
	d := newDesk(t)
	d.take(d.auth.Origins(1, later, portal), nil)
	for _, step := range []struct {
		from, to string
		known    bool
	}{{d.dir, d.dir + ".away", false}, {d.dir + ".away", d.dir, true}} {
		if err := os.Rename(step.from, step.to); err != nil {
			t.Fatal(err)
		}
		if _, ok := d.Site(hall); ok != step.known {
			t.Fatalf("%s: known is %t", step.to, ok)
		}
	}
}

// TestAdopt writes root, issuing CA and list; another root cannot take the
// authority's place.
func TestAdopt(t *testing.T) {
	d := newDesk(t)
	d.dir = filepath.Join(d.dir, "fresh")
	d.open()
	other := desktest.New(t, "rb")
	list, err := d.Adopt([]*smx509.Certificate{d.auth.Root.Certificate, d.auth.Issuing.Certificate, other.Root.Certificate}, d.auth.Origins(3, later, portal))
	if err != nil || list.Number != 3 || list.Authority != "ra" {
		t.Fatalf("%+v, %v", list, err)
	}
	s, ok := d.Site(hall)
	if !ok || s.AuthorityOf(end(t, d.auth)) != "ra" {
		t.Fatalf("%+v", s)
	}
	d.take(other.Origins(1, later, portal), trust.ErrList) // its root was not asked for
	if _, err := d.Adopt([]*smx509.Certificate{other.Root.Certificate}, d.auth.Origins(4, later, portal)); !errors.Is(err, trust.ErrList) {
		t.Fatal(err)
	}
	thief := desktest.New(t, "ra")
	if _, err := d.Adopt(thief.Roots(), thief.Origins(4, later, portal)); !errors.Is(err, trust.ErrList) {
		t.Fatal(err)
	}
	if _, err := d.Adopt(d.auth.Roots(), d.auth.Origins(4, later, portal)); err != nil {
		t.Fatal(err)
	}
	if s, _ := d.Site(hall); s.AuthorityOf(end(t, d.auth)) != "ra" {
		t.Fatal("the issuing CA was lost")
	}
}
