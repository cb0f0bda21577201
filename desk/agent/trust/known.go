package trust

import (
	"bytes"
	"slices"

	"github.com/emmansun/gmsm/smx509"
)

// Authority is one trusted root with the list that is kept under it.
type Authority struct {
	Root    *smx509.Certificate
	List    List     // zero if there is none
	Portals []string // origins that the list names
}

// Authorities are the trusted roots, and the issuing CAs that are known.
func (f *Folder) Authorities() (known []Authority, issuers []*smx509.Certificate) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fresh()
	now := f.clock.Now()
	for _, c := range f.known {
		if !bytes.Equal(c.RawSubject, c.RawIssuer) || slices.ContainsFunc(known, func(a Authority) bool { return a.Root.Equal(c) }) {
			continue
		}
		a := Authority{Root: c}
		for id, list := range f.lists {
			if !list.root.Equal(c) {
				continue
			}
			a.List = List{id, list.Number, list.Expiry, list.expired(now)}
			for _, p := range list.Portals {
				a.Portals = append(a.Portals, p.Origin)
			}
		}
		known = append(known, a)
	}
	return known, f.issuers()
}
