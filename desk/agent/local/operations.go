package local

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/desk/agent"
	"github.com/certhall/certhall/desk/agent/trust"
	"github.com/certhall/certhall/proof"
)

// request is what operations take; each uses some of it.
type request struct {
	Key       string `json:"key"`       // serial of the device
	Message   []byte `json:"message"`   // an order of the hall
	Service   string `json:"service"`   // to be opened
	Serial    string `json:"serial"`    // of a signing certificate
	Authority string `json:"authority"` // id
	Nonce     []byte `json:"nonce"`     // of whoever asks
	List      []byte `json:"list"`      // a signed origin list
}

func read(r *http.Request) (in request, err error) {
	data, err := io.ReadAll(r.Body)
	if err != nil {
		return in, errInput.Because(err)
	}
	if err := json.Unmarshal(data, &in); err != nil {
		return in, errInput.Because(err)
	}
	return in, nil
}

// operation works for one page; what it answers is the reply's members.
type operation func(ctx context.Context, a *agent.Agent, site trust.Site, in request) (any, error)

type message struct {
	Message []byte `json:"message"`
}

type signature struct {
	Signed []byte `json:"signed"`
}

// order is the operation that carries out the hall's orders of kind M.
func order[M proof.Message](ctx context.Context, a *agent.Agent, _ trust.Site, in request) (any, error) {
	if proof.Tag(in.Message) != proof.TagOf[M]() {
		return nil, proof.ErrMalformed.Becausef("%.40q is not %s", proof.Tag(in.Message), proof.TagOf[M]())
	}
	reply, err := a.Do(ctx, in.Key, in.Message)
	return message{reply}, err
}

// maxNonce bounds a nonce, maxWord a name, in bytes.
const (
	maxNonce = 64
	maxWord  = 64
)

func (in request) signable() error {
	if len(in.Nonce) == 0 || len(in.Nonce) > maxNonce || in.Serial == "" || len(in.Serial) > maxWord || len(in.Service) > maxWord || len(in.Authority) > maxWord {
		return errInput.Becausef("nothing to sign")
	}
	return nil
}

// open signs the opening of a case. The origin is the caller's own.
func open(ctx context.Context, a *agent.Agent, site trust.Site, in request) (any, error) {
	if err := in.signable(); err != nil {
		return nil, err
	}
	signed, err := a.SignOpening(ctx, in.Key, proof.Opening{
		Authority: in.Authority, Service: in.Service, Serial: in.Serial, Origin: site.Origin, Nonce: in.Nonce,
	})
	return signature{proof.Encode(signed)}, err
}

// signLogin signs a log-in. The origin is the caller's own.
func signLogin(ctx context.Context, a *agent.Agent, site trust.Site, in request) (any, error) {
	if err := in.signable(); err != nil {
		return nil, err
	}
	signed, err := a.SignLogin(ctx, in.Key, proof.Login{Authority: in.Authority, Serial: in.Serial, Origin: site.Origin, Nonce: in.Nonce})
	return signature{proof.Encode(signed)}, err
}

// What a self-test says of decryption.
const (
	decrypted  = "yes"
	untestable = "untestable"
	nothing    = "none" // a single certificate has no encryption pair
)

type tested struct {
	Signed    bool      `json:"signed"`
	Decrypted string    `json:"decrypted"`
	At        time.Time `json:"at"`
}

// selfTest signs and decrypts with a pair just now.
func selfTest(ctx context.Context, a *agent.Agent, _ trust.Site, in request) (any, error) {
	t, err := a.SelfTest(ctx, in.Key, in.Serial)
	if err != nil {
		return nil, err
	}
	done := tested{Signed: true, Decrypted: decrypted, At: t.At}
	switch {
	case t.Single:
		done.Decrypted = nothing
	case t.Untestable:
		done.Decrypted = untestable
	}
	return done, nil
}

// operations by their addresses.
var operations = map[string]operation{
	"/open":        open,
	"/sign-login":  signLogin,
	"/self-test":   selfTest,
	"/change-pin":  changePIN,
	"/unlock":      unlock,
	"/identify":    order[proof.Identify],
	"/prepare":     order[proof.Prepare],
	"/install":     order[proof.Install],
	"/acknowledge": order[proof.Acknowledge],
	"/retire":      order[proof.Retire],
	"/claim":       order[proof.MakeClaim],
}

// run carries an operation through: it is finished even if the page goes away
// meanwhile, though nobody is asked any more then.
func (s *Server) run(w http.ResponseWriter, r *http.Request, site trust.Site, do func(ctx context.Context, a *agent.Agent, p person) (any, error)) {
	stream := newStream(lang(r))
	p := person{page: r.Context(), site: site, sitting: s.Windows.Sit(), stream: stream, askTime: s.askTime}
	go func() {
		reply, err := s.safely(r.URL.Path, func() (any, error) {
			defer p.sitting.Close()
			return do(context.WithoutCancel(r.Context()), s.caller(p), p)
		})
		if err != nil {
			s.Log.Info("refused", "operation", r.URL.Path, "origin", site.Origin, "code", certhall.AsError(err).Code, "cause", certhall.CauseText(certhall.AsError(err).Unwrap()))
		}
		stream.end(reply, err)
	}()
	beats, stop := s.Ticks(beatEvery)
	defer stop()
	stream.write(w, beats, s.writeTime)
}

// caller is the agent for the page that p's questions are of.
func (s *Server) caller(p person) *agent.Agent {
	return s.Agent.As(agent.Caller{
		Origin: p.site.Origin, Trust: p.site.Trust, Person: p,
		Progress: func(part string) {
			p.stream.send("progress", struct {
				Part string `json:"part"`
			}{part})
		},
	})
}

// safely turns a panic into an error: the other pages' operations go on.
func (s *Server) safely(operation string, do func() (any, error)) (reply any, err error) {
	defer func() {
		if p := recover(); p != nil {
			s.Log.Error("panic", "operation", operation, "value", p)
			err = certhall.ErrInternal.Becausef("panic: %v", p)
		}
	}()
	return do()
}
