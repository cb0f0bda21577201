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

	openInput struct {
		Body struct {
			Opening []byte `json:"opening" doc:"DER of a signed opening: proof.Signed over proof.Opening"`
		}
	}
	// CaseInput names a case and who asks. (Exported for huma, which reads the
	// fields of what is embedded by reflection.)
	CaseInput struct {
		Authorization string `header:"Authorization" doc:"Bearer and the case's token"`
		Case          string `path:"case" maxLength:"64"`
	}
	nextInput struct {
		CaseInput
		Body services.Input
	}
)

// token is the bearer token; without one the case is not found.
func (c CaseInput) token() string {
	scheme, token, _ := strings.Cut(c.Authorization, " ")
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
			op.Security = []map[string][]string{{"case": {}}}
		}
		return op
	}
	huma.Register(api, post("begin-opening", "/api/openings", "Get the one-time value that an opening carries", 201, smallBody), r.nonce)
	huma.Register(api, post("open-case", "/api/cases", "Open a case, or take one over, with the key", 201, smallBody, 403, 404, 409), r.open)
	huma.Register(api, post("next", "/api/cases/{case}/next", "Bring a reply or an answer and learn what comes next", 200, replyBody, 404, 409), r.next)
	huma.Register(api, post("close-case", "/api/cases/{case}/close", "Ask for the end of a case", 200, smallBody, 404), r.close)
}

func (r routes) nonce(ctx context.Context, _ *struct{}) (*nonceOutput, error) {
	n, err := r.Counter.Nonce(ctx)
	if err != nil {
		return nil, r.problem(ctx, err)
	}
	return &nonceOutput{n}, nil
}

func (r routes) open(ctx context.Context, in *openInput) (*openedOutput, error) {
	o, err := r.Counter.Open(ctx, in.Body.Opening)
	if err != nil {
		return nil, r.problem(ctx, err)
	}
	return &openedOutput{o}, nil
}

func (r routes) next(ctx context.Context, in *nextInput) (*nextOutput, error) {
	in.Body.Address = requestOf(ctx).address
	n, err := r.Counter.Next(ctx, in.token(), certhall.CaseID(in.Case), in.Body)
	if err != nil {
		return nil, r.problem(ctx, err)
	}
	return &nextOutput{n}, nil
}

func (r routes) close(ctx context.Context, in *CaseInput) (*nextOutput, error) {
	n, err := r.Counter.Close(ctx, in.token(), certhall.CaseID(in.Case))
	if err != nil {
		return nil, r.problem(ctx, err)
	}
	return &nextOutput{n}, nil
}
