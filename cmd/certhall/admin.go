package main

import (
	"bufio"
	"cmp"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/authority/kmc"
	"github.com/certhall/certhall/authority/predecessors"
	"github.com/certhall/certhall/authority/register"
	"github.com/certhall/certhall/proof"
	authoritystore "github.com/certhall/certhall/store/authority"
	"github.com/certhall/certhall/store/sqldb"
)

// adminCmd is officers' hands until there is a console. The commands act on the
// databases, beside a running server or without one; what they do is judged by
// the authority as if anybody else had asked for it.
type adminCmd struct {
	Cert            certCmd            `cmd:"" help:"Find certificates, tell their story, suspend, revoke, resume."`
	Case            caseCmd            `cmd:"" help:"Find cases, tell their story, close them."`
	Handler         handlerCmd         `cmd:"" help:"Find and show the people who handle certificates; give them another phone."`
	Catalog         catalogCmd         `cmd:"" help:"What the hall offers, with prices: check, import, export, show."`
	Order           orderCmd           `cmd:"" help:"Find orders, tell their story, give money back."`
	Payment         paymentCmd         `cmd:"" help:"Payments, and what the books of hall and channel do not agree on."`
	Invoice         invoiceCmd         `cmd:"" help:"Invoices that were asked for: list, issue, refuse, take back."`
	Organisation    organisationCmd    `cmd:"" help:"Who belongs to an organisation; name its administrators."`
	Unlock          unlockCmd          `cmd:"" help:"Requests to unlock USB keys: list, draft for a reviewer, submit, refuse."`
	KeyPIN          keyPINCmd          `cmd:"" name:"key-pin" help:"Administrators' PINs of USB keys in escrow, which unlock them."`
	Reviewer        staffCmd           `cmd:"" help:"Enrol, retire and list reviewers: two officers sign."`
	Officer         staffCmd           `cmd:"" help:"Enrol, retire and list officers: two officers sign."`
	Record          recordCmd          `cmd:"" help:"Personal data in the record: erase what need be kept no longer."`
	Predecessor     predecessorCmd     `cmd:"" help:"Earlier systems whose certificates are succeeded."`
	Import          importCmd          `cmd:"" help:"Bring the certificates, handlers and phones of an earlier system."`
	NodeCertificate nodeCertificateCmd `cmd:"" help:"Make the folder of another machine: a hall, a publisher, one more node that issues; or renew its certificate."`
	OCSPCertificate ocspCertificateCmd `cmd:"" name:"ocsp-certificate" help:"Renew the certificates that OCSP answers are signed under, for two years."`
	RootCRL         rootCRLCmd         `cmd:"" name:"root-crl" help:"Make a root's next revocation list, with its offline key: every year, and to revoke a CA."`
}

var (
	errNotConfirmed = certhall.NewError("not-confirmed", certhall.Denied)
	errOperator     = certhall.NewError("operator-unknown", certhall.Invalid)
	errDraftOut     = certhall.NewError("draft-out-missing", certhall.Invalid)
	errDifferent    = certhall.NewError("evidence-different", certhall.Invalid)
	errSerialNeeded = certhall.NewError("serial-needed", certhall.Invalid)
)

// officeFlags are shared by everything that officers order.
type officeFlags struct {
	stateFlags
	Operator string `help:"Who orders this, for the record; default is the system's user and host."`
}

// longestOperator bounds a name in the record, in bytes.
const longestOperator = 128

// operator is who orders something, as the record will name him.
func (f officeFlags) operator() (string, error) {
	name := cmp.Or(f.Operator, operator())
	if len(name) > longestOperator {
		return "", errOperator
	}
	return name, nil
}

// office is the authority as officers reach it: its register and, sealed, its CA.
type office struct {
	*register.Register
	ca     *ca.CA
	store  *authoritystore.Store
	folder string
	db     *sqldb.DB
	env    *environment
}

// openOffice opens an authority that stands already, a demo's too.
func (f officeFlags) openOffice(env *environment) (*office, error) {
	public, err := f.public()
	if err != nil {
		return nil, err
	}
	operator, err := f.operator()
	if err != nil {
		return nil, err
	}
	db, err := openExisting(env, f.authorityAddress())
	if err != nil {
		return nil, err
	}
	store := authoritystore.New(db)
	return &office{
		Register: &register.Register{Store: store, ID: public.ID, Root: public.Root, Chains: public.Chains(), Clock: env.clock, Random: env.random},
		ca: ca.New(ca.Options{
			ID: public.ID, Store: store, KMC: kmc.New(public.Escrow, env.random), Policy: ca.DefaultPolicy(), Chains: public.Chains(),
			Profiles: ca.Profiles(), Addresses: ca.AddressesAt(public.Address), UnlockKey: public.Unlock, OrderedBy: operator, Clock: env.clock, Random: env.random,
			Elders: &predecessors.Status{Store: store, Clock: env.clock},
		}),
		store:  store,
		folder: filepath.Join(f.Dir, authorityFolder), db: db, env: env,
	}, nil
}

func (o *office) close() { closing(o.env.log, "database", o.db.Close) }

// draftFlags are what a draft to be signed takes.
type draftFlags struct {
	Out  string        `type:"path" help:"File to write: the draft to be signed (certhall-agent sign-decision), or the certificate (default: beside the request)."`
	Life time.Duration `default:"72h" help:"How long signatures under the draft count."`
}

func (f draftFlags) write(env *environment, d proof.Draft, err error, said string) error {
	if err != nil {
		return err
	}
	if f.Out == "" {
		return errDraftOut
	}
	if err := os.WriteFile(f.Out, proof.Encode(d), 0o644); err != nil {
		return errFile.With("file", f.Out).Because(err)
	}
	env.say(said, "file", f.Out)
	return nil
}

// confirm asks whether to go on; without a terminal nobody can say yes.
func confirm(env *environment, yes bool, key string, params ...string) error {
	if yes {
		return nil
	}
	if !term.IsTerminal(int(os.Stdin.Fd())) {
		return errNotConfirmed
	}
	env.out.Write([]byte(env.text(key, params...)))
	typed := make(chan string, 1)
	go func() { // a signal ends only the context, not the read
		line, _ := bufio.NewReader(os.Stdin).ReadString('\n') // nothing typed is no
		typed <- strings.ToLower(strings.TrimSpace(line))
	}()
	select {
	case <-env.ctx.Done():
		return env.ctx.Err()
	case line := <-typed:
		if line != "y" && line != "yes" && line != "是" {
			return errNotConfirmed
		}
		return nil
	}
}

// day is a date in Beijing, "" for none.
func day(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return certhall.Date(t)
}

// evidence reads one signed message of several files: who signs apart signs the
// same.
func evidence(paths []string) (all proof.Signed, err error) {
	for i, path := range paths {
		s, err := readSigned(path)
		if err != nil {
			return all, err
		}
		if i > 0 && string(s.Message) != string(all.Message) {
			return all, errDifferent
		}
		all = proof.Signed{Message: s.Message, Signatures: append(all.Signatures, s.Signatures...)}
	}
	return all, nil
}
