package proof

import (
	"bytes"
	"crypto/rand"
	"encoding/asn1"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/emmansun/gmsm/sm2"

	"github.com/certhall/certhall/gm"
)

var update = flag.Bool("update", false, "write the golden files anew")

var (
	when  = time.Date(2026, 12, 1, 2, 3, 4, 0, time.UTC)
	nonce = []byte("0123456789abcdef")
	sum   = bytes.Repeat([]byte{0xab}, 32)
	some  = Signed{Message: []byte{1, 2, 3}, Signatures: []Signature{{Certificate: []byte{4}, Value: []byte{5}}}}
	whole = Bundle{
		Authority: "ra", Case: "c1", Attempt: 2, OldSerial: "41", Subject: []byte{0x30, 0}, Sign: []byte{1}, Enc: []byte{2},
		Chain: [][]byte{{3}, {4}}, Envelope: []byte{5}, SealedNonce: []byte{6},
	}
)

// samples are one of each message, every field set.
var samples = []Message{
	Opening{"ra", "renew", "41", "https://hall.example", nonce},
	Login{"ra", "41", "https://hall.example", nonce},
	OriginList{"ra", 7, when, when, []Portal{{"https://hall.example", "证书大厅"}}, nil},
	Ticket{"ra", "renew", "c1", 2, "41", nonce, when},
	OldKey{"ra", "renew", "c1", 2, "e1", "41", "p1", "org", 3, sum, "keep", "SK1", nonce, when},
	Decision{
		"ra", "apply", "c1", 2, "e1", []byte{0x30, 0}, []byte{0x30, 0}, "l1", "91310000MA1K35XE0X", "项目", "HT-1", "SK1", "org", 3,
		[][]byte{sum}, sum, Approve, "资料齐全", nonce, when,
	},
	Enrolment{"ra", Reviewer, "审核员1", sum, "42", nonce, when},
	Takeover{"ra", "old-ca", []byte{0x30, 0}, "http://old.example/ca.crl", "http://old.example/ocsp", true, nonce, when},
	UnlockRequest{"ra", "SK1", []byte{0x30, 0}, nonce, []byte{9}, 3, -1},
	UnlockDecision{"ra", sum, "SK1", sum, [][]byte{sum}, "电话核实", nonce, when},
	UnlockAnswer{"ra", sum, "SK1", []byte{1}},
	AdminPINs{"ra", sum, [][]byte{[]byte("12345678"), []byte("87654321")}, []byte("13572468"), []byte{9}},
	UnlockReport{"ra", sum, "SK1", UnlockKept, 1},
	Draft{"ra", []byte{1, 2}, [][]byte{{3}}, [][]byte{{7}}, some},
	whole,
	Acknowledgement{"ra", "c1", 2, "43", "44", sum, nonce, true},
	Receipt{"ra", "c1", 2, "41", "42", "43", "44", sum, "SK1", "delete", true},
	Retired{"ra", "c1", 2, sum},
	Claim{"ra", "c1", 2, "41", sum, FailingSelfTest},
	VoidNotice{"ra", "c1", 2},
	Closing{"ra", "c1", Closed},
	Checkpoint{"ra", 77, sum, when},
	Identify{"ra", "c1"},
	Listing{"ra", "SK1", "海泰KEY", []ListedContainer{{"ch-ra-c1-2", []byte{1}, []byte{2}, sum, true}}},
	Prepare{"ra", some, "e1", "p1", "org", 3, "keep", [][]byte{{7}}, ""},
	Prepared{"ra", "c1", 2, "SK1", []byte{1}, some},
	Install{"ra", whole},
	Installed{"ra", "c1", 2, true},
	Acknowledge{"ra", whole},
	Retire{"ra", []Signed{some}, []Signed{some}, true, [][]byte{{7}}},
	RetireReport{"ra", []Signed{some}, []DeletedName{{"ch-ra-c1-1"}}, true},
	MakeClaim{"ra", some, sum, sum, [][]byte{{7}}},
	Trouble{"ra", "c1", 2, Incomplete},
	some,
}

// decoders decode by tag.
var decoders = map[string]func([]byte) (Message, error){}

func decoder[M Message]() func([]byte) (Message, error) {
	return func(der []byte) (Message, error) { return Decode[M](der) }
}

func init() {
	for _, d := range []struct {
		tag    string
		decode func([]byte) (Message, error)
	}{
		{TagOf[Opening](), decoder[Opening]()}, {TagOf[Login](), decoder[Login]()}, {TagOf[OriginList](), decoder[OriginList]()}, {TagOf[Ticket](), decoder[Ticket]()}, {TagOf[OldKey](), decoder[OldKey]()},
		{TagOf[Decision](), decoder[Decision]()}, {TagOf[Enrolment](), decoder[Enrolment]()}, {TagOf[Draft](), decoder[Draft]()},
		{TagOf[UnlockRequest](), decoder[UnlockRequest]()}, {TagOf[UnlockDecision](), decoder[UnlockDecision]()}, {TagOf[UnlockAnswer](), decoder[UnlockAnswer]()},
		{TagOf[AdminPINs](), decoder[AdminPINs]()}, {TagOf[UnlockReport](), decoder[UnlockReport]()}, {TagOf[Takeover](), decoder[Takeover]()}, {TagOf[Bundle](), decoder[Bundle]()},
		{TagOf[Acknowledgement](), decoder[Acknowledgement]()}, {TagOf[Receipt](), decoder[Receipt]()}, {TagOf[Retired](), decoder[Retired]()},
		{TagOf[Checkpoint](), decoder[Checkpoint]()}, {TagOf[Claim](), decoder[Claim]()}, {TagOf[VoidNotice](), decoder[VoidNotice]()}, {TagOf[Closing](), decoder[Closing]()},
		{TagOf[Identify](), decoder[Identify]()}, {TagOf[Listing](), decoder[Listing]()}, {TagOf[Prepare](), decoder[Prepare]()},
		{TagOf[Prepared](), decoder[Prepared]()}, {TagOf[Install](), decoder[Install]()}, {TagOf[Installed](), decoder[Installed]()},
		{TagOf[Acknowledge](), decoder[Acknowledge]()}, {TagOf[Retire](), decoder[Retire]()}, {TagOf[RetireReport](), decoder[RetireReport]()},
		{TagOf[MakeClaim](), decoder[MakeClaim]()}, {TagOf[Trouble](), decoder[Trouble]()}, {TagOf[Signed](), decoder[Signed]()},
	} {
		decoders[d.tag] = d.decode
	}
}

func golden(m Message) string {
	name := strings.TrimSuffix(strings.TrimPrefix(m.tag(), "certhall/"), "/1")
	return filepath.Join("testdata", name+".der")
}

// TestGolden: the bytes are what they were: a signature made yesterday counts
// tomorrow. A message that has to change gets another number in its tag.
func TestGolden(t *testing.T) {
	if len(samples) != len(decoders) {
		t.Fatalf("%d samples of %d messages", len(samples), len(decoders))
	}
	for _, m := range samples {
		der := Encode(m)
		if *update {
			if err := os.WriteFile(golden(m), der, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden(m))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(der, want) {
			t.Errorf("%s is encoded otherwise", m.tag())
		}
		if Tag(want) != m.tag() {
			t.Errorf("tag %q", Tag(want))
		}
		back, err := decoders[m.tag()](want)
		if err != nil || !reflect.DeepEqual(back, m) {
			t.Errorf("%s: %+v, %v", m.tag(), back, err)
		}
	}
}

// TestPredecessorsInList: lists without predecessors are what they were; those
// with them have one form too, and an empty list of them is none.
func TestPredecessorsInList(t *testing.T) {
	list := OriginList{"ra", 7, when, when, []Portal{{"https://hall.example", "证书大厅"}}, []Predecessor{{"old-ca", []byte{0x30, 0}, []byte{0x30, 1, 5}}}}
	der, file := Encode(list), filepath.Join("testdata", "origin-list-predecessors.der")
	if *update {
		if err := os.WriteFile(file, der, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil || !bytes.Equal(der, want) {
		t.Errorf("encoded otherwise (%v)", err)
	}
	if back, err := Decode[OriginList](want); err != nil || !reflect.DeepEqual(back, list) {
		t.Errorf("%+v, %v", back, err)
	}
	body, err := asn1.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	list.Predecessors = nil
	bare, err := asn1.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	var content asn1.RawValue
	if _, err := asn1.Unmarshal(bare, &content); err != nil || len(body) == len(bare) {
		t.Fatal(err)
	}
	content.FullBytes, content.Bytes = nil, append(bytes.Clone(content.Bytes), 0x30, 0)
	empty, err := asn1.Marshal(content)
	if err != nil {
		t.Fatal(err)
	}
	twice, err := asn1.Marshal(envelope{list.tag(), asn1.RawValue{FullBytes: empty}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Decode[OriginList](twice); !errors.Is(err, ErrMalformed) {
		t.Errorf("an empty list of predecessors: %v", err)
	}
}

// TestTagsAndAuthorities: every message has its own tag and, but for Signed,
// begins with the authority's id.
func TestTagsAndAuthorities(t *testing.T) {
	seen := map[string]bool{}
	for _, m := range samples {
		if seen[m.tag()] || !strings.HasPrefix(m.tag(), "certhall/") || !strings.HasSuffix(m.tag(), "/1") {
			t.Errorf("tag %q", m.tag())
		}
		seen[m.tag()] = true
		if v := reflect.ValueOf(m); v.Type() != reflect.TypeFor[Signed]() && v.Type().Field(0).Name != "Authority" {
			t.Errorf("%s does not begin with the authority", m.tag())
		}
	}
}

// TestStrict: no other bytes than the one form of a message are that message.
func TestStrict(t *testing.T) {
	for _, m := range samples {
		der := Encode(m)
		decode := decoders[m.tag()]
		for name, bad := range map[string][]byte{
			"empty":         nil,
			"cut off":       der[:len(der)-1],
			"with a tail":   append(bytes.Clone(der), 0),
			"twice":         append(bytes.Clone(der), der...),
			"without a tag": der[4:],
		} {
			if _, err := decode(bad); !errors.Is(err, ErrMalformed) {
				t.Errorf("%s %s: %v", m.tag(), name, err)
			}
		}
		for i := range der {
			for _, flip := range []byte{1, 0x20, 0x80} {
				bad := bytes.Clone(der)
				bad[i] ^= flip
				if back, err := decode(bad); err == nil && reflect.DeepEqual(back, m) {
					t.Fatalf("%s: byte %d does not matter", m.tag(), i)
				}
			}
		}
		for tag, other := range decoders {
			if tag != m.tag() {
				if _, err := other(der); !errors.Is(err, ErrMalformed) {
					t.Errorf("a %s is taken for a %s", m.tag(), tag)
				}
			}
		}
	}
	if _, err := Decode[Identify](make([]byte, MaxMessage+1)); !errors.Is(err, ErrMalformed) || Tag(make([]byte, MaxMessage+1)) != "" {
		t.Error("as long as one likes")
	}
}

// TestOneForm: encodings that say the same in other bytes are refused.
func TestOneForm(t *testing.T) {
	der := Encode(VoidNotice{"ra", "c1", 2})
	var e envelope
	if _, err := asn1.Unmarshal(der, &e); err != nil {
		t.Fatal(err)
	}
	inner := func(body []byte) []byte {
		b, err := asn1.Marshal(envelope{e.Tag, asn1.RawValue{FullBytes: body}})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for name, bad := range map[string][]byte{
		"an extra element":   inner(append([]byte{0x30, e.Body.FullBytes[1] + 3}, append(bytes.Clone(e.Body.Bytes), 2, 1, 5)...)),
		"a longer integer":   inner(bytes.Replace(append([]byte{0x30, e.Body.FullBytes[1] + 1}, e.Body.Bytes...), []byte{2, 1, 2}, []byte{2, 2, 0, 2}, 1)),
		"a printable string": inner(bytes.Replace(bytes.Clone(e.Body.FullBytes), []byte{12, 2, 'r', 'a'}, []byte{19, 2, 'r', 'a'}, 1)),
		"a long length":      append([]byte{0x30, 0x81, der[1]}, der[2:]...),
	} {
		if _, err := Decode[VoidNotice](bad); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	local := Ticket{Authority: "ra", Expiry: time.Date(2026, 12, 1, 10, 3, 4, 0, time.FixedZone("x", 8*3600))}
	if back, err := Decode[Ticket](Encode(local)); err == nil && !back.Expiry.Equal(local.Expiry) {
		t.Errorf("another time: %v", back.Expiry)
	}
}

func TestSignatures(t *testing.T) {
	key, err := sm2.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	other, err := sm2.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Sign(VoidNotice{"ra", "c1", 2}, []byte{1}, func(m []byte) ([]byte, error) { return gm.Sign(rand.Reader, key, m) })
	if err != nil || s.IsZero() {
		t.Fatal(err)
	}
	if m, err := VerifyKey[VoidNotice](s, &key.PublicKey); err != nil || m.Attempt != 2 {
		t.Fatal(err)
	}
	if _, err := VerifyKey[VoidNotice](s, &other.PublicKey); !errors.Is(err, ErrSignature) {
		t.Error("another key")
	}
	if _, err := VerifyKey[VoidNotice](s, nil); !errors.Is(err, ErrSignature) {
		t.Error("no key")
	}
	if _, err := VerifyKey[Claim](s, &key.PublicKey); !errors.Is(err, ErrMalformed) {
		t.Error("another message")
	}
	for name, signatures := range map[string][]Signature{
		"none": nil, "two": append(s.Signatures, s.Signatures...), "empty": {{}}, "garbage": {{Value: []byte{0x30, 0}}},
	} {
		if _, err := VerifyKey[VoidNotice](Signed{s.Message, signatures}, &key.PublicKey); !errors.Is(err, ErrSignature) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Sign(VoidNotice{}, nil, func([]byte) ([]byte, error) { return nil, ErrSignature }); !errors.Is(err, ErrSignature) {
		t.Error("the signer's refusal is lost")
	}
	if _, err := VerifyKey[VoidNotice](Signed{}, &key.PublicKey); !errors.Is(err, ErrMalformed) || !(Signed{}).IsZero() {
		t.Error("nothing at all")
	}
}

// TestUnlockReports: only who has the key of the request reports about it.
func TestUnlockReports(t *testing.T) {
	own, err := sm2.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	other, err := sm2.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	q := UnlockRequest{Authority: "ra", KeySerial: "SK1", Nonce: nonce}
	if q.Key, err = gm.MarshalPublicKey(&own.PublicKey); err != nil {
		t.Fatal(err)
	}
	good := UnlockReport{"ra", q.Digest(), "SK1", UnlockKept, 1}
	signed := func(m Message, certificate []byte, keys ...*sm2.PrivateKey) (s Signed) {
		t.Helper()
		for _, key := range keys {
			one, err := Sign(m, certificate, func(m []byte) ([]byte, error) { return gm.Sign(rand.Reader, key, m) })
			if err != nil {
				t.Fatal(err)
			}
			s = Signed{one.Message, append(s.Signatures, one.Signatures...)}
		}
		return s
	}
	changed := func(f func(*UnlockReport)) Signed {
		m := good
		f(&m)
		return signed(m, nil, own)
	}
	for name, s := range map[string]Signed{"alone": signed(good, nil, own), "with a pair": signed(good, nil, own, other)} {
		if m, err := CheckUnlockReport(s, q); err != nil || !reflect.DeepEqual(m, good) {
			t.Errorf("%s: %+v, %v", name, m, err)
		}
	}
	forged := signed(good, nil, own)
	forged.Message = Encode(UnlockReport{"ra", q.Digest(), "SK1", UnlockFailed, 0})
	for name, c := range map[string]struct {
		s    Signed
		want error
	}{
		"nobody":            {Signed{Message: Encode(good)}, ErrSignature},
		"another key":       {signed(good, nil, other), ErrSignature},
		"a pair alone":      {signed(good, []byte{1}, own), ErrSignature},
		"a pair first":      {signed(good, nil, other, own), ErrSignature},
		"three":             {signed(good, nil, own, own, own), ErrSignature},
		"another outcome":   {forged, ErrSignature},
		"another message":   {signed(VoidNotice{"ra", "c1", 2}, nil, own), ErrMalformed},
		"another request":   {changed(func(m *UnlockReport) { m.RequestDigest = sum }), ErrMalformed},
		"another authority": {changed(func(m *UnlockReport) { m.Authority = "rb" }), ErrMalformed},
		"another USB key":   {changed(func(m *UnlockReport) { m.KeySerial = "SK2" }), ErrMalformed},
		"no outcome":        {changed(func(m *UnlockReport) { m.Outcome = "fine" }), ErrMalformed},
		"a third candidate": {changed(func(m *UnlockReport) { m.Tried = 2 }), ErrMalformed},
		"a candidate of it": {changed(func(m *UnlockReport) { m.Outcome = UnlockChanged }), ErrMalformed},
	} {
		if _, err := CheckUnlockReport(c.s, q); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestUnlockCode: the number's last twenty digits, zeros in front too.
func TestUnlockCode(t *testing.T) {
	for _, c := range []struct {
		digest []byte
		want   string
	}{
		{nil, "0000 0000 0000 0000 0000"},
		{[]byte{1, 0}, "0000 0000 0000 0000 0256"},
		{bytes.Repeat([]byte{0xff}, 32), "5758 4007 9131 2963 9935"},
	} {
		if got := UnlockCode(c.digest); got != c.want {
			t.Errorf("%x: %q, want %q", c.digest, got, c.want)
		}
	}
}

func TestContainers(t *testing.T) {
	for _, name := range []string{
		Ticket{Authority: "ra", Case: "c1", Attempt: 2}.Container(), Receipt{Authority: "ra", Case: "c1", Attempt: 2}.Container(),
		VoidNotice{"ra", "c1", 2}.Container(), whole.Container(),
	} {
		if name != "ch-ra-c1-2" {
			t.Error(name)
		}
	}
}

// FuzzDecode: every decoder answers any bytes with a message in its one form
// or with ErrMalformed.
func FuzzDecode(f *testing.F) {
	for _, m := range samples {
		f.Add(Encode(m))
	}
	f.Fuzz(func(t *testing.T, der []byte) {
		tag := Tag(der)
		for name, decode := range decoders {
			m, err := decode(der)
			if err != nil {
				if !errors.Is(err, ErrMalformed) {
					t.Errorf("%s: %v", name, err)
				}
				continue
			}
			if tag != name || !bytes.Equal(Encode(m), der) {
				t.Errorf("%s decodes what it would not encode", name)
			}
		}
	})
}
