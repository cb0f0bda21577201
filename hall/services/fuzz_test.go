package services

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/proof"
)

// stranger is an authority that knows nobody.
type stranger struct{ authority.Authority }

func (stranger) Pair(context.Context, authority.PairQuery) (authority.PairView, error) {
	return authority.PairView{}, authority.ErrUnknownCert
}

// FuzzReply: whatever a carrier brings, it is refused with a code or becomes
// an event that the case takes, refuses as out of turn, or survives.
func FuzzReply(f *testing.F) {
	signed := func(m proof.Message) []byte {
		return proof.Encode(proof.Signed{Message: proof.Encode(m), Signatures: []proof.Signature{{Certificate: []byte{1}, Value: []byte{2}}}})
	}
	for _, seed := range [][]byte{
		nil, {0x30}, proof.Encode(proof.Listing{Authority: "a1", KeySerial: "K", Containers: []proof.ListedContainer{{Name: "ch-a1-c-1", Sign: []byte{1}}}}),
		proof.Encode(proof.Prepared{Authority: "a1", Case: "c", Attempt: 1, Request: []byte{1}, Evidence: proof.Signed{Message: []byte{1}}}),
		proof.Encode(proof.Installed{Authority: "a1", Case: "c", Attempt: 1}),
		proof.Encode(proof.Trouble{Authority: "a1", Case: "c", Attempt: 1, Reason: proof.Absent}),
		proof.Encode(proof.RetireReport{Authority: "a1", Retired: []proof.Signed{{Message: proof.Encode(proof.Retired{Authority: "a1", Case: "c", Attempt: 1})}}}),
		signed(proof.Acknowledgement{Authority: "a1", Case: "c", Attempt: 1}), signed(proof.Claim{Authority: "a1", Case: "c", Attempt: 1}),
	} {
		f.Add(seed)
	}
	counter := &Counter{Options{AuthorityID: "a1", Authority: stranger{}}}
	f.Fuzz(func(t *testing.T, der []byte) {
		for _, identified := range []bool{true, false} {
			k := Case{ID: "c", Service: certhall.Renew, State: Open, Serial: "0a", Attempt: 1, Rank: RankOpened,
				Identified: identified, PhoneProved: true, Entitlement: "e", Phone: "13800000001"}
			e, _, err := counter.readReply(t.Context(), k, der)
			if err != nil {
				if certhall.AsError(err).Kind == certhall.Internal {
					t.Fatalf("not a refusal: %v", err)
				}
				continue
			}
			next, effects, err := Advance(k, e, noon)
			if err != nil && !errors.Is(err, ErrOutOfTurn) {
				t.Fatal(err)
			}
			if next.Acknowledged || next.Attempt != 1 || next.Rank != RankOpened {
				t.Fatalf("a reply moved the attempt: %+v", next)
			}
			if entry := e.entry(next, noon); !json.Valid([]byte(entry.Data)) {
				t.Fatalf("journal %q", entry.Data)
			}
			if len(effects) > maxReports+1 {
				t.Fatalf("%d effects", len(effects))
			}
		}
	})
}

// FuzzOpening: whatever is posted as an opening is refused with a code.
func FuzzOpening(f *testing.F) {
	opening := proof.Encode(proof.Opening{Authority: "a1", Service: "renew", Serial: "0a", Origin: "o", Nonce: make([]byte, proof.NonceLength)})
	f.Add(proof.Encode(proof.Signed{Message: opening}))
	f.Add(opening)
	f.Add([]byte{0x30, 0x80})
	counter := &Counter{Options{AuthorityID: "a1", Origin: "o", Authority: stranger{}}}
	f.Fuzz(func(t *testing.T, der []byte) {
		if _, err := counter.weighOpening(t.Context(), der); err == nil || certhall.AsError(err).Kind == certhall.Internal {
			t.Fatalf("not a refusal: %v", err)
		}
	})
}
