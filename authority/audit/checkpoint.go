package audit

import (
	"bytes"
	"context"
	"slices"
	"time"

	"github.com/emmansun/gmsm/smx509"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/proof"
)

// Checkpoint is a row of what the notary signed, and what it says.
type Checkpoint struct {
	Number int64
	Hash   []byte
	At     time.Time
	Signed []byte // proof.Signed of a proof.Checkpoint, DER
}

// End is where the record stands.
type End struct {
	Number int64      // of the last numbered record
	Hash   []byte     // of the chain there
	Last   Checkpoint // the last one signed; zero before the first
	Since  time.Time  // when the oldest record that no checkpoint covers was written; zero if there is none
}

// CheckpointStore is what making and publishing checkpoints needs of the
// authority's database.
type CheckpointStore interface {
	Store
	End(ctx context.Context) (End, error)
	// AddCheckpoint stores a checkpoint unless its number, or a higher one, has
	// one already: then it answers false. One whose hash is not the chain's at
	// its number is refused. Of several nodes one wins.
	AddCheckpoint(ctx context.Context, c Checkpoint) (bool, error)
	// Checkpoints are those behind a number, in order.
	Checkpoints(ctx context.Context, after int64, limit int) ([]Checkpoint, error)
	// SerialsGiven are the serials that the records behind a number, up to
	// another, gave away, by the name of their issuer.
	SerialsGiven(ctx context.Context, after, upTo int64) (map[string][]certhall.Serial, error)
}

// What is found where a checkpoint is not what it should be.
var (
	ErrForged         = certhall.NewError("checkpoint-forged", certhall.Invalid)
	ErrOtherAuthority = certhall.NewError("checkpoint-of-another-authority", certhall.Invalid)
	ErrOtherChain     = certhall.NewError("checkpoint-of-another-chain", certhall.Invalid)
)

// Notarized reads a checkpoint that the notary of the authority under root
// signed, alone: its certificate is by the root itself, has the notary's
// extended key usage, and was in its time when it signed. The authority's id
// may be "": then any is taken.
func Notarized(s proof.Signed, root *smx509.Certificate, authority string) (proof.Checkpoint, error) {
	m, err := proof.Decode[proof.Checkpoint](s.Message)
	if err != nil {
		return m, ErrForged.Because(err)
	}
	if len(s.Signatures) != 1 {
		return m, ErrForged.Becausef("%d signatures", len(s.Signatures))
	}
	notary, err := gm.ParseCertificate(s.Signatures[0].Certificate)
	if err != nil {
		return m, ErrForged.Because(err)
	}
	if !bytes.Equal(notary.RawIssuer, root.RawSubject) || notary.CheckSignatureFrom(root) != nil {
		return m, ErrOtherAuthority.With("authority", m.Authority).Becausef("the signer's certificate is not by this root")
	}
	if notary.IsCA || !slices.ContainsFunc(notary.UnknownExtKeyUsage, proof.OIDNotary.Equal) {
		return m, ErrForged.Becausef("the signer is not the notary")
	}
	key, err := gm.CertificateKey(notary)
	if err != nil {
		return m, ErrForged.Because(err)
	}
	if m, err = proof.VerifyKey[proof.Checkpoint](s, key); err != nil {
		return m, ErrForged.Because(err)
	}
	if m.Time.Before(notary.NotBefore) || m.Time.After(notary.NotAfter) || m.Number < 1 {
		return m, ErrForged.Becausef("signed at %s, number %d", m.Time, m.Number)
	}
	if authority != "" && m.Authority != authority {
		return m, ErrOtherAuthority.With("authority", m.Authority)
	}
	return m, nil
}

// check reads a stored checkpoint: signed by the notary, and saying what its
// row says.
func (c Checkpoint) check(root *smx509.Certificate, authority string) (proof.Checkpoint, error) {
	s, err := proof.Decode[proof.Signed](c.Signed)
	if err != nil {
		return proof.Checkpoint{}, ErrForged.With("number", numbered(c.Number)).Because(err)
	}
	m, err := Notarized(s, root, authority)
	if err != nil {
		return m, certhall.AsError(err).With("number", numbered(c.Number))
	}
	if m.Number != c.Number || !bytes.Equal(m.Hash, c.Hash) || !m.Time.Equal(c.At) {
		return m, ErrForged.With("number", numbered(c.Number)).Becausef("the row says something else than the signature")
	}
	return m, nil
}
