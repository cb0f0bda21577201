package services

import (
	"bytes"
	"context"
	"slices"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/proof"
)

// kept is a superseded pair's container that still lies on a key.
type kept struct {
	pair    authority.PairInfo
	errand  Errand // names its receipt
	receipt proof.Receipt
}

// kept finds the receipt that lets a superseded container go; nil if the
// container is none.
func (c *Counter) kept(ctx context.Context, x proof.ListedContainer) (*kept, error) {
	cert, err := gm.ParseCertificate(x.Sign)
	if err != nil {
		return nil, nil // not one of ours
	}
	view, err := c.Authority.Pair(ctx, authority.PairQuery{Serial: certhall.SerialOf(cert.SerialNumber)})
	if absent(err) || err == nil && (view.Pair == nil || view.ReplacedBy == "" || !bytes.Equal(view.Certificate, x.Sign)) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	next, err := c.Authority.Pair(ctx, authority.PairQuery{Case: view.ReplacedBy, Attempt: view.ReplacedByAttempt})
	if err != nil {
		return nil, err
	}
	receipt, err := proof.Decode[proof.Receipt](next.Receipt.Message)
	if err != nil {
		return nil, err
	}
	return &kept{*view.Pair, Errand{Case: view.ReplacedBy, Attempt: view.ReplacedByAttempt}, receipt}, nil
}

// spare finds what lies on the key of the case's lineage beyond so many
// superseded containers, the oldest first: those that may go, with the person's
// consent, though the key has room. What the escrow cannot give back stays, and
// so does what has lost its successor on this key.
func (c *Counter) spare(ctx context.Context, k Case, l proof.Listing, history int) (may []Errand, err error) {
	var all []*kept
	for _, x := range l.Containers {
		if len(x.Sign) == 0 {
			continue
		}
		old, err := c.kept(ctx, x)
		if err != nil {
			return nil, err
		}
		if old != nil && old.pair.Lineage == k.Lineage && old.receipt.Disposal == string(certhall.Keep) { // else it goes by its own receipt
			all = append(all, old)
		}
	}
	slices.SortFunc(all, func(a, b *kept) int { return a.pair.NotAfter.Compare(b.pair.NotAfter) })
	for _, old := range all[:max(0, len(all)-history)] {
		if successor := certhall.ContainerName(c.AuthorityID, old.errand.Case, old.errand.Attempt); old.receipt.Escrowed &&
			slices.ContainsFunc(l.Containers, func(x proof.ListedContainer) bool { return x.Name == successor }) {
			old.errand.Spare = true
			may = append(may, old.errand)
		}
	}
	return may, nil
}
