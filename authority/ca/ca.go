// Package ca issues certificates and keeps what becomes of them. It believes
// nobody: every pair rests on evidence it checks itself (evidence.go), its
// to-be-signed bytes are linted and stored before the real key signs them
// (issue.go), and every step is a compare-and-swap in the store (store.go). It
// knows pairs, lineages and keys; not people, phones or prices.
package ca

import (
	"context"
	"crypto/ecdsa"
	"encoding/asn1"
	"encoding/json"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/authority/kmc"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/proof"
	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/smx509"
)

// Options are what a CA is made of.
type Options struct {
	ID        string // of the authority: in container names and every message
	Store     Store
	KMC       *kmc.KMC
	Policy    Policy
	Chains    map[string][][]byte // by issuing CA's name: its DER, and what lies between it and the root that desks trust
	Profiles  map[string]Profile
	Addresses Addresses
	Gates     []Gate           // each can refuse to issue
	Elders    Elders           // what predecessors say of their certificates; nil: nothing, so that cases with them wait
	Portals   []proof.Portal   // whose pages agents obey, by the signed origin list
	UnlockKey *ecdsa.PublicKey // administrators' PINs are sealed to it; nil: none was made yet
	RunBy     string           // who runs this process, and where; stands in the record of unsealing
	OrderedBy string           // who gives this CA its orders by hand, for the record; "" in a server
	Clock     certhall.Clock
	Random    io.Reader // crypto/rand.Reader, but in simulations
}

// Addresses are what certificates carry: fixed ones under a public base such as
// https://hall.example.
type Addresses struct{ base string }

// AddressesAt are the addresses under a base.
func AddressesAt(base string) Addresses { return Addresses{base} }

// OCSP is the one address for all issuers.
func (a Addresses) OCSP() string { return a.base + "/ocsp" }

// CRL is where an issuing CA's revocations are told, by its name.
func (a Addresses) CRL(issuer string) string { return a.base + "/crl/" + issuer + ".crl" }

// Issuer is where an issuing CA's certificate lies, by its name.
func (a Addresses) Issuer(issuer string) string { return a.base + "/ca/" + issuer + ".cer" }

// Policy holds the windows and limits. The hall can only narrow them.
type Policy struct {
	RenewBefore   time.Duration // renew opens this long before the end
	RepairAfter   time.Duration // repair closes this long after the end
	TicketLife    time.Duration
	Grace         time.Duration // of a superseded pair that nobody reports retired
	Lapse         time.Duration // a case with no progress is closed after this
	Backdate      time.Duration // notBefore lies this long before issuing
	SuspendPerDay int           // suspensions on the hall's word
	UnlocksPerDay int           // answers that unlock USB keys
	UnlocksPerKey int           // of them to one USB key: each may cost tries of its administrator's PIN
}

// DefaultPolicy is the protocol's.
func DefaultPolicy() Policy {
	const day = 24 * time.Hour
	return Policy{
		RenewBefore: 90 * day, RepairAfter: 365 * day, TicketLife: time.Hour,
		Grace: 30 * day, Lapse: 30 * day, Backdate: 5 * time.Minute, SuspendPerDay: 100,
		UnlocksPerDay: 200, UnlocksPerKey: 3,
	}
}

// Signer is one of the authority's own keys with its certificate.
type Signer struct {
	Certificate *smx509.Certificate
	Sign        func(message []byte) ([]byte, error) // by the key's algorithm over the whole message
	// SignDigest signs what gm.NewHash over the certificate's key has summed: for
	// messages too long to be held at once (CRLs).
	SignDigest func(digest []byte) ([]byte, error)
}

// Keys are what unsealing brings.
type Keys struct {
	Issuers map[string]Signer // sign certificates, by name; authority.MainIssuer is always there
	Notary  Signer            // signs tickets, receipts, void notices, closings
	Origins Signer            // signs origin lists
	Unlock  *sm2.PrivateKey   // opens administrators' PINs; nil: none was made yet
}

// issuer is the issuing CA of a name.
func (k *Keys) issuer(name string) (issuer, error) {
	s, ok := k.Issuers[name]
	if !ok {
		return issuer{}, authority.ErrProfile.Becausef("there is no issuing CA %s", name)
	}
	return issuer{s, name}, nil
}

// issuer is an issuing CA with its name.
type issuer struct {
	Signer
	name string
}

// CA answers the calls of authority.Authority.
type CA struct {
	opt     Options
	keys    atomic.Pointer[Keys] // nil while sealed
	fixed   sync.Map             // of fixedExtensions
	origins signedOrigins
	elders  elders
}

var _ authority.Authority = (*CA)(nil)

// New makes a sealed CA.
func New(o Options) *CA { return &CA{opt: o} }

// Unseal hands over the keys and records it. Issuing works from here on.
func (ca *CA) Unseal(ctx context.Context, k Keys) error {
	err := ca.opt.Store.Write(ctx, func(w Writer) error {
		serials := map[string]string{"notary": string(certhall.SerialOf(k.Notary.Certificate.SerialNumber)), "by": ca.opt.RunBy}
		for name, s := range k.Issuers {
			serials[name] = string(certhall.SerialOf(s.Certificate.SerialNumber))
		}
		return w.AddRecord(ca.record(authority.Unsealed, Record{}, serials))
	})
	if err == nil {
		ca.keys.Store(&k)
	}
	return err
}

// Seal forgets the keys: calls that must sign answer ErrSealed.
func (ca *CA) Seal() { ca.keys.Store(nil) }

// Sealed tells whether the keys are away.
func (ca *CA) Sealed() bool { return ca.keys.Load() == nil }

// Issuer gives an issuing CA's certificate and key, by its name, to whoever
// signs what it says of its certificates; authority.ErrSealed while it is away.
func (ca *CA) Issuer(name string) (Signer, error) {
	k, err := ca.unsealed()
	if err != nil {
		return Signer{}, err
	}
	i, err := k.issuer(name)
	return i.Signer, err
}

func (ca *CA) unsealed() (*Keys, error) {
	k := ca.keys.Load()
	if k == nil {
		return nil, authority.ErrSealed
	}
	return k, nil
}

// Gate refuses to issue while a condition of the authority's does not hold:
// its error says which. Everything else goes on.
type Gate func(ctx context.Context) error

// mayIssueBy gives the issuing CA of a name if nothing stands against signing
// certificates.
func (ca *CA) mayIssueBy(ctx context.Context, name string) (issuer, error) {
	k, err := ca.mayIssue(ctx)
	if err != nil {
		return issuer{}, err
	}
	return k.issuer(name)
}

// mayIssue gives the keys if nothing stands against signing certificates.
func (ca *CA) mayIssue(ctx context.Context) (*Keys, error) {
	for _, gate := range ca.opt.Gates {
		if err := gate(ctx); err != nil {
			return nil, err
		}
	}
	return ca.unsealed()
}

// now is the server's clock to the millisecond, as the store keeps it.
func (ca *CA) now() time.Time { return ca.opt.Clock.Now().UTC().Truncate(time.Millisecond) }

func (ca *CA) newID() string { return certhall.NewID(ca.now(), ca.opt.Random) }

// notarize signs a message of the authority's with the notary's key.
func (ca *CA) notarize(k *Keys, m proof.Message) (proof.Signed, error) {
	return proof.Sign(m, k.Notary.Certificate.Raw, k.Notary.Sign)
}

// Checkpoint has the notary sign what the record's chain is at a number;
// ErrSealed while the notary's key is away.
func (ca *CA) Checkpoint(number int64, hash []byte) (proof.Signed, error) {
	k, err := ca.unsealed()
	if err != nil {
		return proof.Signed{}, err
	}
	return ca.notarize(k, proof.Checkpoint{Authority: ca.opt.ID, Number: number, Hash: hash, Time: ca.now().Truncate(time.Second)})
}

// record makes an entry of the record about r's case, attempt, lineage and pair.
func (ca *CA) record(kind authority.EventKind, r Record, data any) Record {
	salt := make([]byte, 16)
	if _, err := io.ReadFull(ca.opt.Random, salt); err != nil {
		panic("ca: no randomness: " + err.Error())
	}
	body, err := json.Marshal(data)
	if err != nil {
		panic("ca: " + err.Error())
	}
	r.At, r.Kind, r.Salt, r.Data = ca.now(), kind, salt, body
	r.Digest = gm.SM3(salt, body)
	return r
}

// why is what an event rests on, kept in its record for good: the signed
// evidence (DER of proof.Signed) where it needs some, else the reason given.
type why struct {
	Evidence []byte `json:"evidence,omitempty"`
	Reason   string `json:"reason,omitempty"`
	Operator string `json:"operator,omitempty"`
}

// by is the evidence of a signed message.
func (ca *CA) by(s proof.Signed) why {
	return why{Evidence: encodeSigned(s), Operator: ca.opt.OrderedBy}
}

// because is a reason without evidence.
func (ca *CA) because(reason string) why { return why{Reason: reason, Operator: ca.opt.OrderedBy} }

// pairRecord is an entry about a pair as it is after the event. The evidence
// for issuing lies with the pair and is not repeated here.
func (ca *CA) pairRecord(kind authority.EventKind, p *Pair, after authority.State, w why) Record {
	info := p.PairInfo
	info.State = after
	return ca.record(kind, Record{Case: p.Case, Attempt: p.Attempt, Lineage: p.Lineage, Pair: p.ID}, struct {
		authority.PairInfo
		why
	}{info, w})
}

func encodeSigned(s proof.Signed) []byte {
	if s.IsZero() {
		return nil
	}
	return proof.Encode(s)
}

func decodeSigned(der []byte) (proof.Signed, error) {
	if len(der) == 0 {
		return proof.Signed{}, nil
	}
	return proof.Decode[proof.Signed](der)
}

// commonName reads the CN from a DER Name, for people to recognise the pair by.
func commonName(name []byte) string {
	var rdns []asn1.RawValue
	if _, err := asn1.Unmarshal(name, &rdns); err != nil {
		return ""
	}
	cn := ""
	for _, rdn := range rdns {
		var attrs []struct {
			ID    asn1.ObjectIdentifier
			Value asn1.RawValue
		}
		if _, err := asn1.UnmarshalWithParams(rdn.FullBytes, &attrs, "set"); err != nil {
			return ""
		}
		for _, a := range attrs {
			if a.ID.Equal(oidCommonName) {
				cn = string(a.Value.Bytes)
			}
		}
	}
	return cn
}
