// Package web is the hall's HTTP edge: it turns requests into calls of the
// counters and their errors into problem documents in the reader's language.
// It decides nothing. It is the only importer of huma.
package web

import (
	"context"
	"encoding/json"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/services"
)

// Limits on one request.
const (
	requestTime = 25 * time.Second // carriers give up after thirty
	readTime    = 10 * time.Second // for the body
	smallBody   = 32 << 10
	replyBody   = 256 << 10 // a reply of proof.MaxMessage bytes in base64, and some
)

// Counter is what the edge calls: hall/services' Counter.
type Counter interface {
	Nonce(ctx context.Context) (services.Nonce, error)
	Open(ctx context.Context, who services.Caller, opening []byte) (services.Opened, error)
	OpenFor(ctx context.Context, who services.Caller, service certhall.Service, serial certhall.Serial) (services.Opened, error)
	Next(ctx context.Context, who services.Caller, id certhall.CaseID, in services.Input) (services.Next, error)
	Close(ctx context.Context, who services.Caller, id certhall.CaseID) (services.Next, error)
	Case(ctx context.Context, who services.Caller, id certhall.CaseID) (services.CaseView, error)
	Cases(ctx context.Context, who services.Caller) (services.CaseList, error)
	Certificates(ctx context.Context, who services.Caller) (services.CertificateList, error)
	Kinds(ctx context.Context, serials []certhall.Serial) (services.KindList, error)
	OriginList(ctx context.Context) (services.Origins, error)
}

// Check is one condition of being ready.
type Check struct {
	Name string
	// Ready answers nil, or why not: the code of a certhall.Error is shown,
	// never a cause.
	Ready func(ctx context.Context) error
	// Warns: while it does not hold the node is ready all the same, but
	// somebody should look.
	Warns bool
}

// Observe hears of a request: the route as a pattern, never what was typed.
type Observe func(route, method string, status int, took time.Duration)

// Options of the edge.
type Options struct {
	Counter       Counter // nil: this node is no hall and serves neither pages nor /api
	Shop          Shop
	People        People
	Organisations Organisations
	Favourites    Favourites
	Unlocks       Unlocks
	Once          Once
	Catalog       Catalog // nil: there is none
	Till          Till    // nil: nothing can be paid, and no notices are taken
	Origin        string  // of the hall's pages, e.g. https://hall.example; "" trusts no page but those of the address that was asked
	Hall          Hall
	Pages         fs.FS  // the built portal; nil or empty: the top page says how to build it
	Public        Public // status and records; zero: this node does not publish
	Checks        []Check
	Observe       Observe      // hears of every request; nil: nobody does
	Metrics       http.Handler // /metrics, for the networks of MetricsFrom alone; nil: there is none
	MetricsFrom   []netip.Prefix
	Log           *slog.Logger   // nil: silent
	Random        io.Reader      // for request ids
	Proxies       []netip.Prefix // whose X-Forwarded-For is believed
	Version       string         // of the program, for the API's document
}

// New makes the handler of a node's whole HTTP side.
func New(o Options) http.Handler {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Catalog == nil {
		o.Catalog = noCatalog{}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", healthz)
	mux.Handle("GET /readyz", readyz(o.Checks, o.Log))
	cross := http.NewCrossOriginProtection()
	if o.Origin != "" {
		if err := cross.AddTrustedOrigin(o.Origin); err != nil {
			panic("web: " + err.Error()) // the ceremony checks it
		}
	}
	e := edge{mux, cross, readPages(nil, nil), nil, o}
	if o.Till != nil {
		e.notices = e.notice()
	}
	if o.Metrics != nil {
		mux.HandleFunc("GET /metrics", e.metrics)
	}
	if o.Counter != nil {
		e.openHall()
	}
	return e
}

// openHall adds what only a hall serves.
func (e *edge) openHall() {
	document := encode(newAPI(e.mux, e.Options))
	e.mux.HandleFunc("GET /openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(document)
	})
	e.pages = readPages(e.Pages, e.Hall.AgentPorts)
	e.pages.register(e.mux)
}

// OpenAPI is the API's document: docs/openapi.json, kept by a test.
func OpenAPI(version string) []byte {
	return encode(newAPI(http.NewServeMux(), Options{Log: slog.New(slog.DiscardHandler), Version: version}))
}

func newAPI(mux *http.ServeMux, o Options) huma.API {
	config := huma.DefaultConfig("certhall", o.Version)
	config.OpenAPIPath, config.DocsPath, config.SchemasPath = "", "", ""
	config.CreateHooks = nil // no $schema in what is answered
	config.Transformers = []huma.Transformer{localise}
	config.Info.Description = "Cases at the counters of the hall. Every case is one loop: POST …/next until nothing comes next."
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"case":    {Type: "http", Scheme: "bearer", Description: "the token that opening a case answered; it opens this case alone"},
		"session": {Type: "apiKey", In: "cookie", Name: cookieName(true), Description: "a log-in; " + cookieName(false) + " where the hall is on plain HTTP on loopback"},
	}
	api := humago.New(mux, config)
	r := routes{o}
	r.register(api)
	r.registerCertificates(api)
	r.registerHall(api)
	r.registerCatalog(api)
	r.registerOrders(api)
	r.registerPeople(api)
	r.registerMe(api)
	r.registerOrganisations(api)
	r.registerFavourites(api)
	r.registerUnlocks(api)
	return api
}

func encode(api huma.API) []byte {
	document, err := json.MarshalIndent(api.OpenAPI(), "", "  ")
	if err != nil {
		panic("web: " + err.Error()) // types of this package only
	}
	return append(document, '\n')
}
