package organisations

import (
	"context"
	"slices"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/accounts"
)

// Handler is a registered handler of one certificate.
type Handler struct {
	ID     string `json:"id" doc:"of the member"`
	Name   string `json:"name"`
	Phone  string `json:"phone" doc:"masked"`
	Source string `json:"source" enum:"import,key,administrator"`
}

// Handlers of a certificate: those registered for it. Administrators, who count
// as handlers of all, are not among them unless they are registered too.
type Handlers struct {
	Serial   certhall.Serial `json:"serial"`
	Handlers []Handler       `json:"handlers"`
}

// Handlers lists who is registered for a certificate of the organisation.
func (d *Desk) Handlers(ctx context.Context, v accounts.Visit, code string, serial certhall.Serial) (list Handlers, err error) {
	list = Handlers{serial, []Handler{}}
	err = d.Store.Read(ctx, func(r Reader) error {
		if err := administers(r, code, v.Person); err != nil {
			return err
		}
		lineage, err := certificate(r, code, serial)
		if err != nil {
			return err
		}
		list.Handlers, err = registered(r, lineage)
		return err
	})
	return list, err
}

func certificate(r Reader, code string, serial certhall.Serial) (certhall.LineageID, error) {
	lineage, err := r.CertificateOf(code, serial)
	if err == nil && lineage == "" {
		err = ErrCertificate
	}
	return lineage, err
}

func registered(r Reader, lineage certhall.LineageID) ([]Handler, error) {
	all, err := r.Handlers(lineage)
	found := []Handler{}
	for _, h := range all {
		if h.Source == accounts.ByOrganisation {
			continue
		}
		a, err := r.Account(h.Person.ID)
		if err != nil {
			return nil, err
		}
		name := a.RealName
		if name == "" {
			name = h.Name
		}
		found = append(found, Handler{a.ID, name, accounts.Mask(a.Phone), h.Source})
	}
	return found, err
}

// Handled are the certificates of an organisation that a member is registered
// for. An administrator counts as handler of the others too.
type Handled struct {
	Member  string            `json:"member" doc:"id"`
	Serials []certhall.Serial `json:"serials" doc:"of the signing certificates of their pairs, present and past"`
}

// Handled lists what a member is registered for.
func (d *Desk) Handled(ctx context.Context, v accounts.Visit, code, person string) (list Handled, err error) {
	err = d.Store.Read(ctx, func(r Reader) error {
		if err := administers(r, code, v.Person); err != nil {
			return err
		}
		if _, err := member(r, code, person); err != nil {
			return err
		}
		serials, err := r.HandledBy(code, person)
		list = Handled{person, append([]certhall.Serial{}, serials...)}
		return err
	})
	return list, err
}

// AddHandler registers a member as handler of a certificate.
func (d *Desk) AddHandler(ctx context.Context, v accounts.Visit, code string, serial certhall.Serial, person string) (Handlers, error) {
	return d.changeHandlers(ctx, v, code, serial, func(w Writer, handlers []accounts.Handler, lineage certhall.LineageID) (accounts.Act, error) {
		if _, err := member(w, code, person); err != nil {
			return accounts.Act{}, err
		}
		if slices.ContainsFunc(handlers, func(h accounts.Handler) bool { return h.Person.ID == person && h.Source != accounts.ByOrganisation }) {
			return accounts.Act{}, nil
		}
		h := accounts.Handler{Person: accounts.Person{ID: person}, Lineage: lineage, Source: accounts.ByAdministrator}
		return accounts.Act{Kind: ActHandler, Person: person, Became: string(serial)}, w.AddHandler(h, d.now())
	})
}

// RemoveHandler ends that somebody is the registered handler of a certificate.
func (d *Desk) RemoveHandler(ctx context.Context, v accounts.Visit, code string, serial certhall.Serial, person string) (Handlers, error) {
	return d.changeHandlers(ctx, v, code, serial, func(w Writer, handlers []accounts.Handler, _ certhall.LineageID) (accounts.Act, error) {
		for _, h := range handlers {
			if h.Person.ID == person && h.Source != accounts.ByOrganisation {
				return accounts.Act{Kind: ActNoMore, Person: person, Was: string(serial)}, w.DropHandler(h)
			}
		}
		return accounts.Act{}, ErrMember
	})
}

func (d *Desk) changeHandlers(ctx context.Context, v accounts.Visit, code string, serial certhall.Serial,
	f func(Writer, []accounts.Handler, certhall.LineageID) (accounts.Act, error),
) (Handlers, error) {
	_, err := d.change(ctx, v, code, func(w Writer) (accounts.Act, error) {
		lineage, err := certificate(w, code, serial)
		if err != nil {
			return accounts.Act{}, err
		}
		handlers, err := w.Handlers(lineage)
		if err != nil {
			return accounts.Act{}, err
		}
		return f(w, handlers, lineage)
	})
	if err != nil {
		return Handlers{}, err
	}
	return d.Handlers(ctx, v, code, serial)
}
