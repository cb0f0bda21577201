package register

import (
	"context"
	"time"

	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/proof"
)

// Notice is how long before its end a certificate of staff is warned of.
const Notice = 60 * 24 * time.Hour

// Member is somebody who has or had a role.
type Member struct {
	*ca.Staff
	NotAfter time.Time // of his certificate; zero if it was never signed
}

// EndsSoon tells whether an active member's certificate has run out, or will
// before another can be expected to be enrolled in peace.
func (m Member) EndsSoon(now time.Time) bool {
	return m.State == ca.StaffActive && now.Add(Notice).After(m.NotAfter)
}

// Staff lists everybody who has or had a role, in order.
func (r *Register) Staff(ctx context.Context, role string) (members []Member, err error) {
	err = r.Store.Look(ctx, func(rd Reader) error {
		all, err := rd.AllStaff(role)
		members = nil
		for _, s := range all {
			m := Member{Staff: s}
			if c, err := gm.ParseCertificate(s.Certificate); err == nil {
				m.NotAfter = c.NotAfter
			}
			members = append(members, m)
		}
		return err
	})
	return members, err
}

// Ending are the active officers and reviewers whose certificates end soon.
func (r *Register) Ending(ctx context.Context) (ending []Member, err error) {
	for _, role := range []string{proof.Officer, proof.Reviewer} {
		members, err := r.Staff(ctx, role)
		if err != nil {
			return nil, err
		}
		for _, m := range members {
			if m.EndsSoon(r.now()) {
				ending = append(ending, m)
			}
		}
	}
	return ending, nil
}
