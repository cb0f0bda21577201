package ca

import (
	"context"
	"reflect"
	"sync"
	"time"

	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/proof"
)

// originsLife is how long a signed origin list counts; a new one is signed at
// half of it.
const originsLife = 365 * 24 * time.Hour

// signedOrigins keeps the list that was signed last.
type signedOrigins struct {
	mu           sync.Mutex
	by           *Keys // that signed it: unsealing anew signs anew
	list         proof.Signed
	predecessors []proof.Predecessor // that it names
	renewAt      time.Time
}

// Origins answers the signed list of the authority's portals. Its number is
// the time of signing in milliseconds, so that it grows across restarts and
// nodes without being stored; the record says that it was signed, before
// anybody gets it.
func (ca *CA) Origins(ctx context.Context) (proof.Signed, error) {
	k, err := ca.unsealed()
	if err != nil {
		return proof.Signed{}, err
	}
	predecessors, err := ca.accepted(ctx)
	if err != nil {
		return proof.Signed{}, err
	}
	ca.origins.mu.Lock()
	defer ca.origins.mu.Unlock()
	now := ca.now()
	if ca.origins.by == k && now.Before(ca.origins.renewAt) && reflect.DeepEqual(ca.origins.predecessors, predecessors) {
		return ca.origins.list, nil
	}
	expiry := now.Add(originsLife)
	if end := k.Origins.Certificate.NotAfter; end.Before(expiry) {
		expiry = end
	}
	list, err := proof.Sign(proof.OriginList{
		Authority: ca.opt.ID, Number: now.UnixMilli(),
		NotBefore: now.Add(-ca.opt.Policy.Backdate).Truncate(time.Second), Expiry: expiry.UTC().Truncate(time.Second),
		Portals: ca.opt.Portals, Predecessors: predecessors,
	}, k.Origins.Certificate.Raw, k.Origins.Sign)
	if err != nil {
		return proof.Signed{}, err
	}
	err = ca.opt.Store.Write(ctx, func(w Writer) error {
		return w.AddRecord(ca.record(authority.OriginsSigned, Record{}, map[string]any{
			"number": now.UnixMilli(), "expiry": expiry.UTC(), "portals": ca.opt.Portals, "predecessors": predecessors, "digest": gm.SM3(list.Message),
		}))
	})
	if err != nil {
		return proof.Signed{}, err
	}
	ca.origins.predecessors = predecessors
	ca.origins.by, ca.origins.list, ca.origins.renewAt = k, list, now.Add(expiry.Sub(now)/2)
	return list, nil
}
