package trust

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/emmansun/gmsm/smx509"

	"github.com/certhall/certhall/desk/token"
)

// Site is an origin as the lists know it.
type Site struct {
	Origin string
	Name   string // of the portal; may be empty
	Lists  []List // that name it, by authority
	// Trust is the roots of those lists that are not expired; nil if all are:
	// such a site may only hand over a newer list.
	Trust *token.Trust
}

// List is a kept origin list.
type List struct {
	Authority string
	Number    int64
	Until     time.Time
	Expired   bool
	root      *smx509.Certificate
}

// AuthorityOf names the site's authority that a certificate is under; "" if none.
func (s Site) AuthorityOf(c *smx509.Certificate) string {
	if s.Trust == nil {
		return ""
	}
	root, err := s.Trust.Root(c, nil)
	if err != nil {
		return ""
	}
	for _, l := range s.Lists {
		if !l.Expired && l.root.Equal(root) {
			return l.Authority
		}
	}
	return ""
}

// Authorities are the ids of the authorities whose lists are not expired.
func (s Site) Authorities() []string {
	var ids []string
	for _, l := range s.Lists {
		if !l.Expired {
			ids = append(ids, l.Authority)
		}
	}
	return ids
}

// Site looks an origin up, exactly as it is written; ok is false if no list
// names it.
func (f *Folder) Site(origin string) (s Site, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fresh()
	now := f.clock.Now()
	s.Origin = origin
	for _, id := range slices.Sorted(maps.Keys(f.lists)) {
		list := f.lists[id]
		for _, p := range list.Portals {
			if p.Origin != origin {
				continue
			}
			if s.Name == "" {
				s.Name = p.Name
			}
			s.Lists = append(s.Lists, List{id, list.Number, list.Expiry, list.expired(now), list.root})
			break
		}
	}
	if ids := s.Authorities(); len(ids) > 0 {
		s.Trust = f.trustOf(ids)
	}
	return s, len(s.Lists) > 0
}

// trustOf is the trust in these authorities' roots alone, with the issuing CAs
// that are known.
func (f *Folder) trustOf(ids []string) *token.Trust {
	key := strings.Join(ids, " ")
	if t := f.bySites[key]; t != nil {
		return t
	}
	var roots []*smx509.Certificate
	for _, id := range ids {
		roots = append(roots, f.lists[id].root)
	}
	t := token.NewTrust(append(roots, f.issuers()...))
	f.bySites[key] = t
	return t
}

func (f *Folder) issuers() []*smx509.Certificate {
	var issuers []*smx509.Certificate
	for _, c := range f.known {
		if string(c.RawSubject) != string(c.RawIssuer) {
			issuers = append(issuers, c)
		}
	}
	return issuers
}
