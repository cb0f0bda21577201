package web

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/certhall/certhall/hall/services"
)

type certificatesOutput struct{ Body services.CertificateList }

// registerCertificates registers what a person sees of his certificates.
func (r routes) registerCertificates(api huma.API) {
	huma.Register(api, get("certificates", "/api/certificates", "The certificates that the person handles", 401), r.certificates)
}

func (r routes) certificates(ctx context.Context, _ *struct{}) (*certificatesOutput, error) {
	v, err := who(ctx)
	if err != nil {
		return nil, r.problem(ctx, err)
	}
	list, err := r.Counter.Certificates(ctx, services.Caller{Session: v.Session, Person: v.Person})
	if err != nil {
		return nil, r.problem(ctx, err)
	}
	return &certificatesOutput{list}, nil
}

// get describes a route that only reads.
func get(id, path, summary string, codes ...int) huma.Operation {
	return huma.Operation{OperationID: id, Method: http.MethodGet, Path: path, Summary: summary, Errors: append(codes, 422, 500, 503)}
}
