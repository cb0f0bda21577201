package status

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509/pkix"
	encoding "encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	mathrand "math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/smx509"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/gm/ocsp"
)

// memory is a store whose calls are counted.
type memory struct {
	mu        sync.Mutex
	standings map[Question]Standing
	changed   []certhall.PairID // one a number
	waiting   []certhall.PairID
	asked     int
	failing   error
	during    func() // called while standings are read
}

func (m *memory) Standings(_ context.Context, questions []Question) ([]Standing, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked += len(questions)
	found := make([]Standing, len(questions))
	for n, q := range questions {
		found[n] = m.standings[q]
		found[n].Serial = q.Serial
	}
	if m.during != nil {
		m.during()
	}
	return found, m.failing
}

func (m *memory) Changes(_ context.Context, after int64, limit int) ([]certhall.PairID, int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	pairs := slices.Clone(m.changed[min(int(after), len(m.changed)):])
	return append(pairs[:min(limit, len(pairs))], m.waiting...), int64(len(m.changed)), m.failing
}

// set changes what stands, and records it.
func (m *memory) set(q Question, s Standing) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.standings[q] = s
	m.changed = append(m.changed, s.Pair)
}

func (m *memory) count() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.asked
	m.asked = 0
	return n
}

type hand struct{ now time.Time }

func (h *hand) Now() time.Time { return h.now }

// desk is a responder for issuers of every algorithm.
type desk struct {
	*Responder
	store   *memory
	clock   *hand
	issuers []Issuer
	keys    []crypto.Signer // of the issuers
}

var (
	serialGood    = big.NewInt(0xa0a0a0)
	serialRevoked = big.NewInt(0x70)
	serialHeld    = big.NewInt(0x71)
	serialPlain   = big.NewInt(0x72) // revoked without a reason
	serialUnknown = big.NewInt(0x73)
)

func newDesk(t testing.TB) *desk {
	d := &desk{store: &memory{standings: map[Question]Standing{}}, clock: &hand{noon}}
	d.Responder = NewResponder(OCSPOptions{Store: d.store, Clock: d.clock})
	for n, name := range []string{"issuing", "issuing-rsa", "issuing-p256"} {
		d.keys = append(d.keys, newKey(t, gm.Algorithm(n+1)))
		c := issuer(t, d.keys[n]).Certificate
		d.issuers = append(d.issuers, Issuer{Name: name, Certificate: c, Responder: delegate(t, c, d.keys[n], smx509.ExtKeyUsageOCSPSigning)})
		for serial, s := range map[*big.Int]Standing{
			serialGood:    {Known: true, Pair: "p1"},
			serialRevoked: {Known: true, Revoked: true, Reason: 4, RevokedAt: noon.Add(-time.Hour), Pair: "p2"},
			serialHeld:    {Known: true, Revoked: true, Reason: ReasonCertificateHold, RevokedAt: noon.Add(-time.Minute), Pair: "p3"},
			serialPlain:   {Known: true, Revoked: true, RevokedAt: noon.Add(-time.Minute)},
		} {
			d.store.standings[Question{name, certhall.SerialOf(serial)}] = s
		}
	}
	if err := d.SetIssuers(d.issuers); err != nil {
		t.Fatal(err)
	}
	d.mustLook(t)
	return d
}

func (d *desk) mustLook(t testing.TB) {
	t.Helper()
	if err := d.look(context.Background()); err != nil {
		t.Fatal(err)
	}
}

func newKey(t testing.TB, a gm.Algorithm) (key crypto.Signer) {
	t.Helper()
	var err error
	switch a {
	case gm.SM2:
		key, err = sm2.GenerateKey(rand.Reader)
	case gm.RSA:
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	case gm.ECDSA:
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// delegate makes an OCSP certificate of the issuer's own algorithm, of a month.
func delegate(t testing.TB, issuer *smx509.Certificate, issuerKey crypto.Signer, usage smx509.ExtKeyUsage) ca.Signer {
	t.Helper()
	a, err := gm.AlgorithmOf(issuer.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	key := newKey(t, a)
	template := &smx509.Certificate{
		SerialNumber: big.NewInt(0x0c59), Subject: pkix.Name{CommonName: "OCSP"}, NotBefore: noon.AddDate(-1, 0, 0), NotAfter: noon.AddDate(0, 1, 0),
		KeyUsage: smx509.KeyUsageDigitalSignature, ExtKeyUsage: []smx509.ExtKeyUsage{usage},
	}
	der, err := smx509.CreateCertificate(rand.Reader, template, issuer, key.Public(), issuerKey)
	if err != nil {
		t.Fatal(err)
	}
	c, err := gm.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return ca.Signer{Certificate: c, Sign: func(m []byte) ([]byte, error) { return gm.SignAny(rand.Reader, key, m) }}
}

func (d *desk) ask(t testing.TB, a ask) *OCSPAnswer {
	t.Helper()
	return d.Answer(context.Background(), a.der())
}

// said reads an answer as somebody else's code does, signature included.
func (d *desk) said(t testing.TB, a *OCSPAnswer, issuer int) []ocsp.Answer {
	t.Helper()
	answers, err := ocsp.Parse(a.DER, d.issuers[issuer].Certificate, nil, d.clock.now)
	if err != nil {
		t.Fatalf("status %d: %v", a.Status, err)
	}
	return answers
}

func TestEveryKindOfKeyAndDigest(t *testing.T) {
	d := newDesk(t)
	for n, issuer := range d.issuers {
		for _, hash := range []encoding.ObjectIdentifier{idSHA1, idSHA256, idSM3} {
			entries := []askEntry{about(issuer.Certificate, hash, serialGood), about(issuer.Certificate, hash, serialRevoked),
				about(issuer.Certificate, hash, serialHeld), about(issuer.Certificate, hash, serialPlain), about(issuer.Certificate, hash, serialUnknown)}
			for round := range 2 { // looked up, then from memory
				a := d.ask(t, ask{entries: entries, extensions: []askExtension{nonceOf(32)}})
				b := read(t, a)
				if len(b.singles) != len(entries) || !bytes.Equal(b.nonce, nonceOf(32).value) {
					t.Fatalf("%s: %+v", issuer.Name, b)
				}
				for k, want := range []string{"good", "revoked 4", "revoked 6", "revoked -", "unknown"} {
					if got := b.singles[k].standing(); got != want || !bytes.Contains(b.singles[k].ID.FullBytes, entries[k].name) {
						t.Errorf("%s, round %d, entry %d: %s, want %s", issuer.Name, round, k, got, want)
					}
				}
				if hash.Equal(idSHA1) {
					if answers := d.said(t, a, n); len(answers) != 5 || answers[1].RevokedAt != noon.Add(-time.Hour) || answers[1].NextUpdate.Sub(noon) != time.Hour {
						t.Errorf("%s: %+v", issuer.Name, answers)
					}
				}
			}
		}
		// The OCSP certificate itself is in no database.
		own := d.said(t, d.ask(t, ask{entries: []askEntry{about(issuer.Certificate, idSHA1, big.NewInt(0x0c59))}}), n)
		if own[0].Standing != ocsp.Good {
			t.Errorf("%s: its OCSP certificate: %+v", issuer.Name, own)
		}
	}
}

// Nobody may speak for another issuer: beside one it answers, entries about
// others are unknown; alone they are refused.
func TestOthers(t *testing.T) {
	d := newDesk(t)
	mine, other := d.issuers[0].Certificate, d.issuers[1].Certificate
	alien := issuer(t, newKey(t, gm.SM2)).Certificate
	b := read(t, d.ask(t, ask{entries: []askEntry{about(alien, idSHA1, serialGood), about(mine, idSHA1, serialGood), about(other, idSHA1, serialRevoked), about(mine, idSHA384, serialGood)}}))
	for k, want := range []string{"unknown", "good", "unknown", "unknown"} {
		if got := b.singles[k].standing(); got != want {
			t.Errorf("entry %d: %s, want %s", k, got, want)
		}
	}
	for name, e := range map[string]askEntry{"alien": about(alien, idSHA256, serialGood), "digest": about(mine, idSHA384, serialGood),
		"key":    func() askEntry { e := about(mine, idSHA1, serialGood); e.key = make([]byte, 20); return e }(),
		"length": func() askEntry { e := about(mine, idSHA1, serialGood); e.name = e.name[:19]; return e }()} {
		if a := d.ask(t, ask{entries: []askEntry{e}}); a.Status != OCSPUnauthorized {
			t.Errorf("%s: status %d", name, a.Status)
		}
	}
}

func TestMalformed(t *testing.T) {
	d := newDesk(t)
	c := d.issuers[2].Certificate
	good := about(c, idSHA1, serialGood)
	with := func(f func(*askEntry)) ask { e := good; f(&e); return ask{entries: []askEntry{e}} }
	many := func(n int) (list []askEntry) {
		for range n {
			list = append(list, good)
		}
		return list
	}
	for name, c := range map[string]struct {
		ask
		want OCSPStatus
	}{
		"plain":                    {ask{entries: []askEntry{good}}, OCSPSuccessful},
		"version written":          {ask{version: []byte{2, 1, 0}, entries: []askEntry{good}}, OCSPSuccessful},
		"version 2":                {ask{version: []byte{2, 1, 1}, entries: []askEntry{good}}, OCSPMalformedRequest},
		"requestor":                {ask{requestor: []byte{0x82, 1, 'a'}, entries: []askEntry{good}}, OCSPSuccessful},
		"two requestors":           {ask{requestor: []byte{0x82, 1, 'a', 0x82, 1, 'b'}, entries: []askEntry{good}}, OCSPMalformedRequest},
		"signed":                   {ask{signature: []byte{0x30, 3, 1, 2, 3}, entries: []askEntry{good}}, OCSPSuccessful},
		"signature no sequence":    {ask{signature: []byte{4, 1, 1}, entries: []askEntry{good}}, OCSPMalformedRequest},
		"something behind":         {ask{more: []byte{5, 0}, entries: []askEntry{good}}, OCSPMalformedRequest},
		"no entry":                 {ask{}, OCSPMalformedRequest},
		"as many as may":           {ask{entries: many(MaxOCSPEntries)}, OCSPSuccessful},
		"one more":                 {ask{entries: many(MaxOCSPEntries + 1)}, OCSPMalformedRequest},
		"parameters absent":        {with(func(e *askEntry) { e.parameters = []byte{} }), OCSPSuccessful},
		"parameters something":     {with(func(e *askEntry) { e.parameters = []byte{2, 1, 1} }), OCSPMalformedRequest},
		"serial negative":          {with(func(e *askEntry) { e.serial = []byte{0x80} }), OCSPSuccessful},
		"serial zero":              {with(func(e *askEntry) { e.serial = []byte{0} }), OCSPSuccessful},
		"serial long":              {with(func(e *askEntry) { e.serial = bytes.Repeat([]byte{1}, 1000) }), OCSPSuccessful},
		"serial empty":             {with(func(e *askEntry) { e.serial = []byte{} }), OCSPMalformedRequest},
		"serial padded":            {with(func(e *askEntry) { e.serial = []byte{0, 1} }), OCSPMalformedRequest},
		"behind the serial":        {with(func(e *askEntry) { e.more = []byte{5, 0} }), OCSPMalformedRequest},
		"nonce 1":                  {ask{entries: many(1), extensions: []askExtension{nonceOf(1)}}, OCSPSuccessful},
		"nonce 128":                {ask{entries: many(1), extensions: []askExtension{nonceOf(128)}}, OCSPSuccessful},
		"nonce 0":                  {ask{entries: many(1), extensions: []askExtension{nonceOf(0)}}, OCSPMalformedRequest},
		"nonce 129":                {ask{entries: many(1), extensions: []askExtension{nonceOf(129)}}, OCSPMalformedRequest},
		"nonce nothing":            {ask{entries: many(1), extensions: []askExtension{{id: idNonce}}}, OCSPMalformedRequest},
		"nonce no octets":          {ask{entries: many(1), extensions: []askExtension{{id: idNonce, value: []byte("bare bytes")}}}, OCSPMalformedRequest},
		"nonce critical":           {ask{entries: many(1), extensions: []askExtension{{idNonce, true, []byte{4, 1, 7}}}}, OCSPSuccessful},
		"two nonces":               {ask{entries: many(1), extensions: []askExtension{nonceOf(8), nonceOf(9)}}, OCSPMalformedRequest},
		"no extensions":            {ask{entries: many(1), extensions: []askExtension{}}, OCSPMalformedRequest},
		"alien":                    {ask{entries: many(1), extensions: []askExtension{{idAlien, false, []byte{5, 0}}}}, OCSPSuccessful},
		"alien critical":           {ask{entries: many(1), extensions: []askExtension{{idAlien, true, []byte{5, 0}}}}, OCSPMalformedRequest},
		"types critical":           {ask{entries: many(1), extensions: []askExtension{{idTypes, true, []byte{0x30, 0}}}}, OCSPSuccessful},
		"locator":                  {with(func(e *askEntry) { e.extensions = []askExtension{{idLocator, true, []byte{0x30, 0}}} }), OCSPSuccessful},
		"alien of one entry":       {with(func(e *askEntry) { e.extensions = []askExtension{{idAlien, false, []byte{0x30, 0}}} }), OCSPSuccessful},
		"critical of one entry":    {with(func(e *askEntry) { e.extensions = []askExtension{{idAlien, true, []byte{0x30, 0}}} }), OCSPMalformedRequest},
		"too large":                {ask{requestor: append([]byte{0x82, 0x82, 0x80, 0}, make([]byte, 0x8000)...), entries: many(1)}, OCSPMalformedRequest},
		"object identifier broken": {ask{}, OCSPMalformedRequest},
	} {
		der := c.der()
		if name == "object identifier broken" {
			der = ask{entries: []askEntry{about(d.issuers[0].Certificate, idSHA384, serialGood)}}.der()
			at := bytes.Index(der, []byte{6, 9, 0x60})
			der[at+2+8] = 0x80 // its last arc never ends
			der = der[:len(der):len(der)]
		}
		a := d.Answer(t.Context(), der)
		if a.Status != c.want {
			t.Errorf("%s: status %d, want %d", name, a.Status, c.want)
		}
		read(t, a)
	}
}

// A thousand requests, right ones and such with a bit, an octet or a length
// changed, cut off or put together anew: every answer can be read, and has as
// many parts as the request.
func TestThousandOddRequests(t *testing.T) {
	d := newDesk(t)
	random := mathrand.New(mathrand.NewChaCha8([32]byte{7}))
	counts := map[OCSPStatus]int{}
	for n := range 1200 {
		var a ask
		for range 1 + random.IntN(1+random.IntN(12)) {
			e := about(d.issuers[random.IntN(3)].Certificate, []encoding.ObjectIdentifier{idSHA1, idSHA256, idSM3, idSHA384}[random.IntN(4)],
				[]*big.Int{serialGood, serialRevoked, serialHeld, serialUnknown, new(big.Int).Lsh(big.NewInt(1), uint(random.IntN(300)))}[random.IntN(5)])
			if random.IntN(8) == 0 {
				e.extensions = []askExtension{{idAlien, random.IntN(9) == 0, []byte{5, 0}}}
			}
			if random.IntN(8) == 0 {
				e.key = e.key[:random.IntN(len(e.key))]
			}
			a.entries = append(a.entries, e)
		}
		if random.IntN(2) == 0 {
			a.extensions = []askExtension{nonceOf(random.IntN(140))}
		}
		der := a.der()
		for range random.IntN(3) * random.IntN(2) {
			switch at := random.IntN(len(der)); random.IntN(4) {
			case 0:
				der[at] ^= 1 << random.IntN(8)
			case 1:
				der = der[:at+1]
			case 2:
				der = slices.Insert(der, at, byte(random.IntN(256)))
			case 3:
				der = append(der, der[at:]...)
			}
		}
		answer := d.Answer(t.Context(), der)
		counts[answer.Status]++
		b := read(t, answer)
		if q, ok := parseRequest(der); ok != (answer.Status != OCSPMalformedRequest) || answer.Status == OCSPSuccessful && len(b.singles) != len(q.entries) {
			t.Fatalf("request %d %x: status %d, %d parts", n, der, answer.Status, len(b.singles))
		}
	}
	for _, s := range []OCSPStatus{OCSPSuccessful, OCSPMalformedRequest, OCSPUnauthorized} {
		if counts[s] < 50 {
			t.Errorf("only %d answers of status %d: the requests are not odd enough", counts[s], s)
		}
	}
}

// FuzzOCSPRequest: whatever comes, the answer can be read.
func FuzzOCSPRequest(f *testing.F) {
	d := newDesk(f)
	one := about(d.issuers[0].Certificate, idSHA1, serialGood)
	f.Add(ask{entries: []askEntry{one}}.der())
	f.Add(ask{entries: []askEntry{one, about(d.issuers[0].Certificate, idSM3, serialHeld)}, extensions: []askExtension{nonceOf(16)}}.der())
	f.Add(ask{requestor: []byte{0x82, 1, 'a'}, signature: []byte{0x30, 0}, entries: []askEntry{about(d.issuers[2].Certificate, idSHA384, serialGood)}}.der())
	f.Fuzz(func(t *testing.T, der []byte) { read(t, d.Answer(context.Background(), der)) })
}

func TestRefusals(t *testing.T) {
	d := newDesk(t)
	c := d.issuers[0].Certificate
	want := func(what string, s OCSPStatus) {
		t.Helper()
		if a := d.ask(t, ask{entries: []askEntry{about(c, idSHA1, serialGood)}, extensions: []askExtension{nonceOf(8)}}); a.Status != s || len(a.DER) != 5 {
			t.Errorf("%s: status %d", what, a.Status)
		}
	}
	d.store.failing = errors.New("no database")
	want("no database", OCSPTryLater)
	d.store.failing = nil
	d.clock.now = noon.AddDate(0, 2, 0)
	want("certificate ended", OCSPInternalError)
	d.clock.now = noon
	broken := slices.Clone(d.issuers)
	broken[0].Responder.Sign = func([]byte) ([]byte, error) { return nil, errors.New("no device") }
	if err := d.SetIssuers(broken); err != nil {
		t.Fatal(err)
	}
	want("no signature", OCSPInternalError)
	broken[0].Responder = ca.Signer{}
	if err := d.SetIssuers(broken); err != nil {
		t.Fatal(err)
	}
	want("no responder", OCSPTryLater)
	for name, other := range map[string]ca.Signer{
		"another issuer's": d.issuers[1].Responder,
		"not for OCSP":     delegate(t, c, d.keys[0], smx509.ExtKeyUsageClientAuth),
	} {
		broken[0].Responder = other
		if d.SetIssuers(broken) == nil {
			t.Errorf("%s certificate is taken", name)
		}
	}
}

// basicAnswer is an OCSPResponse as encoding/asn1 reads it.
type basicAnswer struct {
	singles []singleAnswer
	nonce   []byte
}

type singleAnswer struct {
	ID      encoding.RawValue
	Status  encoding.RawValue
	This    time.Time         `asn1:"generalized"`
	Next    time.Time         `asn1:"generalized,explicit,tag:0"`
	Unasked encoding.RawValue `asn1:"optional"`
}

func (s singleAnswer) standing() string {
	switch s.Status.Tag {
	case 0:
		return "good"
	case 2:
		return "unknown"
	}
	var info struct {
		At     time.Time           `asn1:"generalized"`
		Reason encoding.Enumerated `asn1:"optional,explicit,tag:0,default:-1"`
	}
	info.Reason = -1
	if _, err := encoding.UnmarshalWithParams(s.Status.FullBytes, &info, "tag:1"); err != nil {
		return err.Error()
	}
	if info.Reason == -1 {
		return "revoked -"
	}
	return fmt.Sprintf("revoked %d", info.Reason)
}

// read reads an answer strictly, written again it must be the same bytes.
func read(t testing.TB, a *OCSPAnswer) (b basicAnswer) {
	t.Helper()
	var outer struct {
		Status encoding.Enumerated
		Bytes  struct {
			Type encoding.ObjectIdentifier
			DER  []byte
		} `asn1:"optional,explicit,tag:0"`
	}
	strict(t, a.DER, &outer)
	if OCSPStatus(outer.Status) != a.Status || (outer.Bytes.DER == nil) != (a.Status != OCSPSuccessful) {
		t.Fatalf("status %d in an answer of status %d: %x", outer.Status, a.Status, a.DER)
	}
	if a.Status != OCSPSuccessful {
		return b
	}
	var basic struct {
		TBS          encoding.RawValue
		Algorithm    pkix.AlgorithmIdentifier
		Signature    encoding.BitString
		Certificates []encoding.RawValue `asn1:"explicit,tag:0"`
	}
	strict(t, outer.Bytes.DER, &basic)
	var tbs struct {
		Responder  encoding.RawValue
		Produced   time.Time `asn1:"generalized"`
		Singles    []singleAnswer
		Extensions []pkix.Extension `asn1:"optional,explicit,tag:1"`
	}
	strict(t, basic.TBS.FullBytes, &tbs)
	for _, s := range tbs.Singles {
		if !s.This.Before(s.Next) || tbs.Produced.Before(s.This) || s.Unasked.FullBytes != nil {
			t.Fatalf("from %v to %v, made %v, %x", s.This, s.Next, tbs.Produced, s.Unasked.FullBytes)
		}
	}
	if len(tbs.Singles) == 0 || tbs.Responder.Tag != 2 || len(basic.Certificates) != 1 {
		t.Fatalf("%x", a.DER)
	}
	b.singles = tbs.Singles
	for _, x := range tbs.Extensions {
		b.nonce = x.Value
	}
	return b
}

func strict(t testing.TB, der []byte, into any) {
	t.Helper()
	if rest, err := encoding.Unmarshal(der, into); err != nil || len(rest) > 0 {
		t.Fatalf("%v, %d bytes behind: %x", err, len(rest), der)
	}
}
