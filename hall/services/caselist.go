package services

import (
	"context"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/orders"
)

// CaseLimit bounds a list of cases.
const CaseLimit = 200

// CaseLine is a case as lists show it (我的业务).
type CaseLine struct {
	Case           certhall.CaseID  `json:"case"`
	Service        certhall.Service `json:"service"`
	State          State            `json:"state" enum:"open,done,refused,closing,closed,needs-reissue"`
	Step           Step             `json:"step"`
	Steps          []Step           `json:"steps"`
	Stage          int              `json:"stage" minimum:"1" maximum:"4" doc:"which of the four steps that people see"`
	Serial         certhall.Serial  `json:"serial" doc:"of the old pair's signing certificate"`
	NewSerial      certhall.Serial  `json:"new_serial,omitempty" doc:"of the new pair's signing certificate"`
	Subject        string           `json:"subject"`
	Organisation   string           `json:"organisation"`
	Project        string           `json:"project" doc:"code; /api/hall has the names"`
	KeyNumber      string           `json:"key_number"`
	OpenedAt       time.Time        `json:"opened_at"`
	AcknowledgedAt time.Time        `json:"acknowledged_at,omitzero"`
	NotAfterOld    time.Time        `json:"not_after_old,omitzero"`
	NotAfterNew    time.Time        `json:"not_after_new,omitzero"`
	Problem        *Problem         `json:"problem,omitempty"`
}

// CaseList is a person's cases, live ones first, then the latest.
type CaseList struct {
	Cases []CaseLine `json:"cases"`
	More  bool       `json:"more" doc:"there are older ones beyond the limit"`
}

// CaseView is one case at any time of its life, with the receipt once it has one.
type CaseView struct {
	CaseLine
	Bought *orders.Bought `json:"bought,omitempty" doc:"as in the loop"`
	Result *Result        `json:"result,omitempty"`
}

// Problems are those whose texts whoever shows the answer fills in.
func (l CaseList) Problems() []*Problem {
	var all []*Problem
	for _, k := range l.Cases {
		all = append(all, k.Problem)
	}
	return problems(all...)
}

// Problems are those whose texts whoever shows the answer fills in.
func (v CaseView) Problems() []*Problem { return problems(v.Problem) }

// Cases lists the cases of the lineages that the person handles.
func (c *Counter) Cases(ctx context.Context, who Caller) (CaseList, error) {
	var found []ListedCase
	err := c.Store.Read(ctx, func(r Reader) (err error) {
		found, err = r.ListedCases(who.Person, CaseLimit+1)
		return err
	})
	list := CaseList{Cases: make([]CaseLine, 0, len(found)), More: len(found) > CaseLimit}
	for _, k := range found[:min(len(found), CaseLimit)] {
		list.Cases = append(list.Cases, k.line())
	}
	return list, err
}

// Case tells how a case stands without moving anything.
func (c *Counter) Case(ctx context.Context, who Caller, id certhall.CaseID) (CaseView, error) {
	var found *ListedCase
	var bought *orders.Bought
	err := c.Store.Read(ctx, func(r Reader) (err error) {
		if found, err = r.ListedCase(id); err != nil {
			return err
		}
		if found == nil {
			return ErrCaseMissing
		}
		if _, err = c.entrance(r, who, found.Case); err != nil {
			return err
		}
		bought, err = found.bought(r)
		return err
	})
	if err != nil {
		return CaseView{}, err
	}
	view := CaseView{CaseLine: found.line(), Bought: bought}
	if found.Acknowledged {
		view.Result, err = c.result(ctx, found.Case)
	}
	return view, err
}

func (k ListedCase) line() CaseLine {
	return CaseLine{
		Case: k.ID, Service: k.Service, State: k.State, Step: k.Step(), Steps: procedures[k.Service], Stage: k.Stage(),
		Serial: k.Serial, NewSerial: k.NewSerial, Subject: k.Subject, Organisation: k.Organisation, Project: k.Project, KeyNumber: k.KeyNumber,
		OpenedAt: k.OpenedAt, AcknowledgedAt: k.AcknowledgedAt, NotAfterOld: k.OldEnd, NotAfterNew: k.NewEnd, Problem: k.Problem,
	}
}
