package trust

import (
	"maps"
	"slices"
	"time"

	"github.com/emmansun/gmsm/smx509"

	"github.com/certhall/certhall/desk/token"
)

// Site is an origin as the lists know it.
type Site struct {
	Origin string
	Name   string // of the portal; may be empty
	Lists  []List // that name it, by authority
	// Trust is the roots of those lists that are not expired, by authority; nil
	// if all are: such a site may only hand over a newer list.
	Trust map[string]*token.Trust
}

// List is a kept origin list.
type List struct {
	Authority string
	Number    int64
	Until     time.Time
	Expired   bool
}

// AuthorityOf names the site's authority that a certificate is under, or that
// succeeds its issuer; "" if none.
func (s Site) AuthorityOf(c *smx509.Certificate) string {
	for _, id := range s.Authorities() {
		if _, err := s.Trust[id].Under(c, nil); err == nil {
			return id
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
			s.Lists = append(s.Lists, List{id, list.Number, list.Expiry, list.expired(now)})
			break
		}
	}
	for _, id := range s.Authorities() {
		if s.Trust == nil {
			s.Trust = map[string]*token.Trust{}
		}
		s.Trust[id] = f.trustOf(id)
	}
	return s, len(s.Lists) > 0
}

// trustOf is the trust in an authority's root alone, with the issuing CAs that
// are known and the predecessors that its list names.
func (f *Folder) trustOf(id string) *token.Trust {
	t := f.alone[id]
	if t == nil {
		t = token.NewTrust(append(f.issuers(), f.lists[id].root))
		t.Succeed(f.lists[id].OriginList, f.lists[id].root, f.trust)
		f.alone[id] = t
	}
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
