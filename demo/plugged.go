package demo

import (
	"context"
	"fmt"
	"time"

	"github.com/emmansun/gmsm/smx509"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/desk/agent"
	"github.com/certhall/certhall/gm"
)

// Plugged is a key that is plugged in when a demo is made, beside the handler's
// soft key: a certificate of each kind is put on it.
type Plugged struct {
	Keys   agent.Keys // where it is
	Serial string     // of the device
	PIN    string
	Kinds  []gm.Algorithm
}

// pluggedLeft is what is left of the certificates on plugged keys: they are
// the first that want renewing.
const pluggedLeft = 15 * day

// give puts the certificates on the key; the first is numbered from + 1.
func (p Plugged) give(ctx context.Context, m maker, a *Authority, now time.Time, from int) (lineages []certhall.LineageID, err error) {
	desk := agent.New(agent.Options{
		Keys: p.Keys, Roots: []*smx509.Certificate{a.Founded.Root.Certificate}, Person: typist(p.PIN), Clock: m.clock, Random: m.random,
	})
	for i, kind := range p.Kinds {
		c := certificate{number: fmt.Sprintf("HT-2026-%04d", from+i+1), project: Procurement, years: 1, left: pluggedLeft, profile: profiles[kind]}
		lineage, _, err := m.issue(ctx, a, desk, p.Serial, c, now)
		if err != nil {
			return nil, err
		}
		lineages = append(lineages, lineage)
	}
	return lineages, desk.Close()
}

// profiles are the authority's, by the algorithm of their keys.
var profiles = map[gm.Algorithm]string{gm.SM2: "organisation", gm.RSA: "rsa2048", gm.ECDSA: "p256"}
