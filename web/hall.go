package web

import (
	"context"

	"github.com/danielgtaylor/huma/v2"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/services"
)

// Hall is what everybody may know of the hall before he logs in.
type Hall struct {
	Name        string    `json:"name" doc:"of the authority, as people know it"`
	Authority   string    `json:"authority" doc:"id of the authority"`
	Origin      string    `json:"origin" doc:"what keys sign as the hall's origin"`
	Fingerprint string    `json:"fingerprint" doc:"SM3 over the root certificate, in hex"`
	AgentPorts  []int     `json:"agent_ports" doc:"where pages look for the agent on 127.0.0.1, in this order"`
	AgentAPI    int       `json:"agent_api" doc:"version of the agent's local API that the pages speak"`
	Projects    []Project `json:"projects"`
	Contact     string    `json:"contact,omitempty" doc:"how people reach somebody who helps, such as a telephone number and its hours"`
	Demo        bool      `json:"demo" doc:"everything here is for trial"`

	Payment      string `json:"payment" enum:"none,wechat,sandbox" doc:"the channel of payment that is live; none: only what is free can be ordered"`
	PaymentTrial bool   `json:"payment_trial" doc:"no money moves: payment is for trial"`
	PayPage      string `json:"pay_page,omitempty" doc:"in a demo: where a person pays without a phone, with the query code_url"`
}

// Project is a project that certificates are for, with its names by language.
type Project struct {
	Code  string            `json:"code"`
	Names map[string]string `json:"names" doc:"by language: zh-CN, en"`
}

type (
	hallOutput    struct{ Body Hall }
	originsOutput struct{ Body services.Origins }
)

func (r routes) registerHall(api huma.API) {
	huma.Register(api, get("hall", "/api/hall", "What everybody may know of the hall"), r.hall)
	huma.Register(api, get("origin-list", "/api/origin-list", "The signed list of the authority's portals, for agents"), r.originList)
}

// hall names every project once: as the catalogue does, else as the hall was told.
func (r routes) hall(ctx context.Context, _ *struct{}) (*hallOutput, error) {
	offered, err := r.Catalog.Offerings(ctx)
	if err != nil {
		return nil, r.problem(ctx, err)
	}
	known, named := r.Hall, map[string]bool{}
	known.AgentAPI = certhall.AgentAPI
	known.Projects = []Project{}
	for _, p := range offered.Projects {
		known.Projects, named[p.Code] = append(known.Projects, Project{p.Code, p.Names}), true
	}
	for _, p := range r.Hall.Projects {
		if !named[p.Code] {
			known.Projects = append(known.Projects, p)
		}
	}
	return &hallOutput{known}, nil
}

func (r routes) originList(ctx context.Context, _ *struct{}) (*originsOutput, error) {
	list, err := r.Counter.OriginList(ctx)
	if err != nil {
		return nil, r.problem(ctx, err)
	}
	return &originsOutput{list}, nil
}
