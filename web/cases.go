package web

import (
	"context"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/services"
)

type routes struct{ Options }

type (
	nonceOutput  struct{ Body services.Nonce }
	openedOutput struct{ Body services.Opened }
	nextOutput   struct{ Body services.Next }
	caseOutput   struct{ Body services.CaseView }
	casesOutput  struct{ Body services.CaseList }

	openInput struct {
		OnceInput
		BearerInput
		Body struct {
			Opening []byte           `json:"opening,omitempty" doc:"DER of a signed opening: proof.Signed over proof.Opening"`
			Service certhall.Service `json:"service,omitempty" enum:"renew,repair" doc:"with serial, instead of an opening: by log-in"`
			Serial  certhall.Serial  `json:"serial,omitempty" maxLength:"40" doc:"of the pair's signing certificate"`
		}
	}
	// BearerInput says who asks. (Exported for huma, which reads the fields of
	// what is embedded by reflection.)
	BearerInput struct {
		Authorization string `header:"Authorization" doc:"Bearer and the case's token"`
	}
	// CaseInput names a case and who asks. (Exported for huma.)
	CaseInput struct {
		BearerInput
		Case string `path:"case" maxLength:"64"`
	}
	nextInput struct {
		CaseInput
		Body services.Input
	}
)

// caller is who asks: the bearer of a case's token, whoever has logged in,
// or both.
func (b BearerInput) caller(ctx context.Context) services.Caller {
	visit := requestOf(ctx).visit
	return services.Caller{Token: b.token(), Session: visit.Session, Person: visit.Person}
}

func (b BearerInput) token() string {
	scheme, token, _ := strings.Cut(b.Authorization, " ")
	if !strings.EqualFold(scheme, "Bearer") || len(token) > 128 {
		return ""
	}
	return strings.TrimSpace(token)
}

func (r routes) register(api huma.API) {
	post := func(id, path, summary string, status int, body int64, codes ...int) huma.Operation {
		op := huma.Operation{
			OperationID: id, Method: http.MethodPost, Path: path, Summary: summary, DefaultStatus: status,
			MaxBodyBytes: body, BodyReadTimeout: readTime, Errors: append(codes, 422, 500, 503),
		}
		if strings.Contains(path, "{case}") {
			op.Security = byCase
		}
		return op
	}
	huma.Register(api, post("begin-opening", "/api/openings", "Get the one-time value that an opening carries", 201, smallBody), r.nonce)
	huma.Register(api, post("open-case", "/api/cases", "Open a case, go on with one, or take one over: with the key, or by log-in", 201, smallBody, 401, 403, 404, 409), r.open)
	huma.Register(api, post("next", "/api/cases/{case}/next", "Bring a reply or an answer and learn what comes next", 200, replyBody, 404, 409), r.next)
	huma.Register(api, post("close-case", "/api/cases/{case}/close", "Ask for the end of a case", 200, smallBody, 404), r.close)
	one := get("case", "/api/cases/{case}", "See how a case stands, without moving it", 404)
	one.Security = byCase
	huma.Register(api, one, r.one)
	huma.Register(api, get("cases", "/api/cases", "The cases of the certificates that the person handles", 401), r.cases)
}

// byCase: the case's token, or a handler's log-in.
var byCase = []map[string][]string{{"case": {}}, {"session": {}}}

func (r routes) nonce(ctx context.Context, _ *struct{}) (*nonceOutput, error) {
	n, err := r.Counter.Nonce(ctx)
	if err != nil {
		return nil, r.problem(ctx, err)
	}
	return &nonceOutput{n}, nil
}

func (r routes) open(ctx context.Context, in *openInput) (*openedOutput, error) {
	o, err := r.openBy(ctx, in)
	if err != nil {
		return nil, r.problem(ctx, err)
	}
	return &openedOutput{o}, nil
}

// openBy opens with the key, or by log-in; what is neither is malformed.
func (r routes) openBy(ctx context.Context, in *openInput) (services.Opened, error) {
	b := in.Body
	switch {
	case len(b.Opening) > 0 && b.Service == "" && b.Serial == "":
		return r.Counter.Open(ctx, in.caller(ctx), b.Opening)
	case len(b.Opening) == 0 && b.Service != "" && b.Serial != "":
		v, err := who(ctx)
		if err != nil {
			return services.Opened{}, err
		}
		return once(ctx, r, in.OnceInput, "open-case", b, func() (services.Opened, error) {
			return r.Counter.OpenFor(ctx, services.Caller{Session: v.Session, Person: v.Person}, b.Service, b.Serial)
		})
	}
	return services.Opened{}, ErrInput
}

func (r routes) one(ctx context.Context, in *CaseInput) (*caseOutput, error) {
	v, err := r.Counter.Case(ctx, in.caller(ctx), certhall.CaseID(in.Case))
	if err != nil {
		return nil, r.problem(ctx, err)
	}
	return &caseOutput{v}, nil
}

func (r routes) cases(ctx context.Context, _ *struct{}) (*casesOutput, error) {
	v, err := who(ctx)
	if err != nil {
		return nil, r.problem(ctx, err)
	}
	list, err := r.Counter.Cases(ctx, services.Caller{Session: v.Session, Person: v.Person})
	if err != nil {
		return nil, r.problem(ctx, err)
	}
	return &casesOutput{list}, nil
}

func (r routes) next(ctx context.Context, in *nextInput) (*nextOutput, error) {
	in.Body.Address = requestOf(ctx).address
	n, err := r.Counter.Next(ctx, in.caller(ctx), certhall.CaseID(in.Case), in.Body)
	if err != nil {
		return nil, r.problem(ctx, err)
	}
	return &nextOutput{n}, nil
}

func (r routes) close(ctx context.Context, in *CaseInput) (*nextOutput, error) {
	n, err := r.Counter.Close(ctx, in.caller(ctx), certhall.CaseID(in.Case))
	if err != nil {
		return nil, r.problem(ctx, err)
	}
	return &nextOutput{n}, nil
}
