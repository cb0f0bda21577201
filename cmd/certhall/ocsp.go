package main

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"path/filepath"
	"slices"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/authority/ceremony"
	"github.com/certhall/certhall/authority/status"
	authoritystore "github.com/certhall/certhall/store/authority"
	"github.com/certhall/certhall/web"
)

// ocspFlags say how status is told online.
type ocspFlags struct {
	OCSPLife   time.Duration `name:"ocsp-life" default:"1h" help:"How long an OCSP answer is valid (nextUpdate)."`
	OCSPMaxAge time.Duration `name:"ocsp-max-age" default:"30s" help:"How long caches may give an OCSP answer again without asking: a revocation may stay hidden behind them for so long."`
}

var errOCSPFlags = errors.New("--ocsp-life is at least a minute, --ocsp-max-age not negative")

// Validate is called by kong.
func (f ocspFlags) Validate() error {
	if f.OCSPLife < time.Minute || f.OCSPMaxAge < 0 {
		return errOCSPFlags
	}
	return nil
}

// readKeysEvery is how often the folder is looked at for new OCSP certificates:
// they are renewed beside a server that runs.
const readKeysEvery = 5 * time.Second

// ocspDesk tells status online, with the OCSP keys of the authority's folder.
type ocspDesk struct {
	*status.Responder
	env    *environment
	folder string
	maxAge time.Duration
	told   *told
	now    []status.Issuer // as the responder has them
	said   string          // the last complaint about the folder
}

func newOCSPDesk(env *environment, dir string, f ocspFlags, store *authoritystore.Store, gate ca.Gate) *ocspDesk {
	if f.OCSPLife == 0 { // the demo takes no flags
		f.OCSPMaxAge = web.OCSPMaxAge
	}
	observe := func(s status.OCSPStatus, memory bool) { env.metrics.OCSP(s.String(), memory) }
	told := newTold(dir, env.log)
	d := &ocspDesk{
		Responder: status.NewResponder(status.OCSPOptions{Store: store, Clock: env.clock, Life: f.OCSPLife, Gate: gate, Log: env.log, Observe: observe, Told: told.hear}),
		env:       env, folder: filepath.Join(dir, authorityFolder), maxAge: f.OCSPMaxAge, told: told,
	}
	d.readKeys()
	return d
}

func (d *ocspDesk) handler() http.Handler { return web.OCSP(d.Responder, d.env.clock, d.maxAge) }

// readKeys takes what lies in the folder. If that cannot be read, what was
// read before goes on; before the first time, requests are told to come later.
func (d *ocspDesk) readKeys() {
	issuers, err := ceremony.Responders(d.folder)
	if err != nil && d.now == nil {
		if public, failed := ceremony.ReadPublic(d.folder); failed == nil {
			for _, i := range public.Issuers {
				issuers = append(issuers, status.Issuer{Name: i.Name, Certificate: i.Certificate})
			}
		}
	}
	if issuers != nil && !slices.EqualFunc(issuers, d.now, sameResponder) {
		if failed := d.SetIssuers(issuers); failed != nil {
			err = failed
		} else if err == nil {
			d.now = issuers
		}
	}
	said := certhall.CauseText(err)
	if said != "" && said != d.said {
		d.env.log.Error("OCSP keys cannot be read", "cause", said)
	}
	d.said = said
}

func sameResponder(a, b status.Issuer) bool {
	return a.Name == b.Name && bytes.Equal(a.Responder.Certificate.Raw, b.Responder.Certificate.Raw)
}

// run follows the authority's record and the folder until ctx ends.
func (d *ocspDesk) run(ctx context.Context) {
	followed := make(chan struct{})
	go func() {
		defer close(followed)
		d.Follow(ctx)
	}()
	tick := time.NewTicker(readKeysEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			<-followed
			return
		case <-tick.C:
			d.readKeys()
		}
	}
}
