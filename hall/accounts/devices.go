package accounts

import (
	"context"
	"time"

	"github.com/certhall/certhall"
)

// ErrVisitUnknown says that there is no such log-in, or that it has ended.
var ErrVisitUnknown = certhall.NewError("visit-unknown", certhall.NotFound)

// ShownVisit is a log-in that has not ended, as the person himself sees it
// (已登录设备).
type ShownVisit struct {
	ID        string    `json:"id"`
	Current   bool      `json:"current" doc:"the one that asks"`
	StartedAt time.Time `json:"started_at"`
	SeenAt    time.Time `json:"seen_at" doc:"last request, give or take a minute"`
	ShownDevice
}

// Visits are a person's log-ins that have not ended, latest first.
type Visits struct {
	Visits []ShownVisit `json:"visits"`
}

// Visits lists where a person has logged in.
func (d *Desk) Visits(ctx context.Context, v Visit) (Visits, error) {
	found := Visits{[]ShownVisit{}}
	now := d.now()
	err := d.Store.Read(ctx, func(r Reader) error {
		visits, err := r.VisitsOf(v.Person, now.Add(-VisitIdle), now.Add(-VisitLife))
		found.Visits = found.Visits[:0]
		for _, o := range visits {
			found.Visits = append(found.Visits, ShownVisit{o.ID, o.Session == v.Session, o.StartedAt, o.SeenAt, o.shown()})
		}
		return err
	})
	return found, err
}

// EndVisit ends one of a person's log-ins, and what was proved in it.
func (d *Desk) EndVisit(ctx context.Context, v Visit, id string) (Visits, error) {
	err := d.Store.Write(ctx, func(w Writer) error {
		if id == "" {
			return ErrVisitUnknown
		}
		return w.EndVisit(v.Person, id)
	})
	if err != nil {
		return Visits{}, err
	}
	return d.Visits(ctx, v)
}

// EndOtherVisits ends all of a person's log-ins but this one.
func (d *Desk) EndOtherVisits(ctx context.Context, v Visit) (Visits, error) {
	if err := d.Store.Write(ctx, func(w Writer) error { return w.EndOthers(v.Person, v.Session) }); err != nil {
		return Visits{}, err
	}
	return d.Visits(ctx, v)
}
