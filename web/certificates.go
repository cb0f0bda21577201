package web

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/services"
)

type (
	certificatesOutput struct{ Body services.CertificateList }
	kindsInput         struct {
		Body struct {
			Serials []certhall.Serial `json:"serials" minItems:"1" maxItems:"64" doc:"of signing certificates"`
		}
	}
	kindsOutput struct{ Body services.KindList }
)

// registerCertificates registers what a person sees of his certificates.
func (r routes) registerCertificates(api huma.API) {
	huma.Register(api, get("certificates", "/api/certificates", "The certificates that the person handles", 401), r.certificates)
	huma.Register(api, huma.Operation{
		OperationID: "kinds", Method: http.MethodPost, Path: "/api/certificates/kinds", Summary: "Which project and brand certificates are for",
		MaxBodyBytes: smallBody, BodyReadTimeout: readTime, Errors: []int{422, 500, 503},
	}, r.kinds)
}

func (r routes) kinds(ctx context.Context, in *kindsInput) (*kindsOutput, error) {
	list, err := r.Counter.Kinds(ctx, in.Body.Serials)
	if err != nil {
		return nil, r.problem(ctx, err)
	}
	return &kindsOutput{list}, nil
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
