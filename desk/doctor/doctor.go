// Package doctor is 环境检测: it examines what a renewal on this PC needs, from
// the hall down to each certificate, and names for every finding what to do
// next. It asks for no PIN, spends no try and changes nothing.
package doctor

import (
	"context"
	"net/http"
	"time"

	"github.com/emmansun/gmsm/smx509"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/desk/agent"
	"github.com/certhall/certhall/desk/agent/trust"
	"github.com/certhall/certhall/desk/courier"
	"github.com/certhall/certhall/desk/doctor/neighbours"
	"github.com/certhall/certhall/desk/token"
)

// Verdict says how a finding is meant.
type Verdict string

// The verdicts.
const (
	Fine    Verdict = "fine"
	Note    Verdict = "note"    // works, but something should be known or done soon
	Fault   Verdict = "fault"   // something will not work
	Unknown Verdict = "unknown" // could not be examined, because of another finding
)

// What is examined, in this order.
const (
	Server      = "server"
	Agent       = "agent"
	Authority   = "authority"
	Clock       = "clock"
	Drivers     = "drivers"
	Keys        = "keys"
	Key         = "key"
	Certificate = "certificate"
	Others      = "others" // other programs on this PC
)

// Finding is one result; Words tells it. Params hold no secrets.
type Finding struct {
	Check   string
	Verdict Verdict
	Code    string
	Params  map[string]string

	cause *certhall.Error     // whose words go before ours; may be nil
	known *neighbours.Program // that it is about; may be nil
}

// Hall is what the doctor asks of a hall.
type Hall interface {
	Facts(ctx context.Context) (courier.Facts, error)
	Ready(ctx context.Context) (ready bool, message string, err error)
	OriginList(ctx context.Context) (list []byte, issuers [][]byte, err error)
}

// Doctor examines one PC. Hall is nil where no address of one is known.
type Doctor struct {
	Server string // the hall's address
	Hall   Hall
	Heard  func() (server, here time.Time) // the hall's clock when it was last heard, and this PC's then; zero if never
	Known  []trust.Authority
	Listed bool // Known is the authorities' folder, where each root needs its list of portals
	// Issuers are the issuing CAs that are known; the hall tells of more.
	Issuers []*smx509.Certificate
	Keys    interface {
		List(ctx context.Context) ([]agent.Listed, error)
	}
	Folder string       // of the keys, for people
	Client *http.Client // asks for certificates' states; nil: nobody is asked
	Clock  certhall.Clock

	Version string // of the agent
	Served  bool   // this is the agent that runs and serves pages
	// Drivers tells of the libraries that reach keys; nil: there are none to tell of.
	Drivers func(ctx context.Context) []Driver
	// Neighbours finds who else is on this PC (neighbours.Find); nil: nobody looks.
	Neighbours func(ctx context.Context, w neighbours.Wanted) ([]neighbours.Neighbour, error)
	Ports      []int           // at which pages look for the agent
	Locks      func() []string // files that are held while keys are used, by path; may be nil

	found []Finding
	tell  func(Finding)
	now   time.Time // by the hall's clock, if it was heard
	trust *token.Trust
	chain [][]byte // issuing CAs, DER
}

// Examine examines everything and tells each finding as it comes.
func (d *Doctor) Examine(ctx context.Context, tell func(Finding)) []Finding {
	d.found, d.chain = nil, nil
	var roots []*smx509.Certificate
	for _, a := range d.Known {
		roots = append(roots, a.Root)
	}
	d.trust = token.NewTrust(roots)
	for _, c := range d.Issuers {
		d.chain = append(d.chain, c.Raw)
	}
	d.tell = func(f Finding) {
		d.found = append(d.found, f)
		tell(f)
	}
	add := func(check string, v Verdict, code string, params ...string) {
		d.tell(finding(check, v, code, params...))
	}
	facts := d.examineServer(ctx, add)
	d.examineAgent(facts, add)
	d.examinePorts(ctx, add)
	d.examineAuthority(facts, add)
	d.examineClock(add)
	drivers := d.drivers(ctx)
	d.examineKeys(ctx, drivers, add)
	d.examineOthers(ctx, drivers, add)
	return d.found
}

// adder takes a finding: params are names and values by turns.
type adder func(check string, v Verdict, code string, params ...string)

func finding(check string, v Verdict, code string, params ...string) Finding {
	f := Finding{Check: check, Verdict: v, Code: code, Params: map[string]string{}}
	for i := 0; i+1 < len(params); i += 2 {
		f.Params[params[i]] = params[i+1]
	}
	return f
}

// because gives a finding the words of an error.
func (f Finding) because(e *certhall.Error) Finding {
	f.cause = e
	f.Params["cause"] = e.Code
	return f
}
