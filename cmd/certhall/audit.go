package main

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority/audit"
	"github.com/certhall/certhall/durable"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/proof"
	authoritystore "github.com/certhall/certhall/store/authority"
)

// auditCmd is what courts, auditors and outsiders need of the record
// (docs/records.md).
type auditCmd struct {
	Verify     auditVerifyCmd     `cmd:"" help:"Check the record: an authority's own, or an export with a checkpoint."`
	Export     auditExportCmd     `cmd:"" help:"Write records to a file, line by line, without personal data."`
	Checkpoint auditCheckpointCmd `cmd:"" help:"Write the last signed checkpoint to a file."`
}

var (
	errNoRoot       = certhall.NewError("audit-root-missing", certhall.Invalid)
	errNoCheckpoint = certhall.NewError("checkpoint-none", certhall.NotFound)
)

// auditVerifyCmd checks; it only reads, and may run beside a server.
type auditVerifyCmd struct {
	stateFlags
	Checkpoint []string `type:"existingfile" help:"Checkpoint kept elsewhere (answer of /audit/checkpoint, DER, or a journal); may be repeated."`
	Export     string   `type:"existingfile" help:"Export to check instead of the authority's database."`
	Authority  string   `type:"existingfile" help:"Root certificate of the authority; default in the state folder."`
}

func (c *auditVerifyCmd) Run(env *environment) error {
	var kept []proof.Signed
	for _, path := range c.Checkpoint {
		text, err := os.ReadFile(path)
		if err != nil {
			return errFile.With("file", path).Because(err)
		}
		some, err := audit.ParseCheckpoints(text)
		if err != nil {
			return certhall.AsError(err).With("file", path)
		}
		kept = append(kept, some...)
	}
	t, err := c.trust()
	if err != nil {
		return err
	}
	var r audit.Report
	if c.Export != "" {
		r, err = c.export(kept, t)
	} else {
		r, err = c.store(env, kept, t)
	}
	if err != nil {
		return err
	}
	c.tell(env, r)
	return nil
}

// trust is the root that was given, else the state folder's.
func (c *auditVerifyCmd) trust() (audit.Trust, error) {
	if c.Authority != "" {
		der, err := readDER(c.Authority)
		if err != nil {
			return audit.Trust{}, err
		}
		root, err := gm.ParseCertificate(der)
		if err != nil {
			return audit.Trust{}, errFile.With("file", c.Authority).Because(err)
		}
		return audit.Trust{Root: root}, nil
	}
	public, err := c.public()
	if err != nil {
		if c.Export != "" {
			return audit.Trust{}, errNoRoot.Because(err)
		}
		return audit.Trust{}, err
	}
	return audit.Trust{Root: public.Root, Authority: public.ID}, nil
}

func (c *auditVerifyCmd) export(kept []proof.Signed, t audit.Trust) (audit.Report, error) {
	file, err := os.Open(c.Export)
	if err != nil {
		return audit.Report{}, errFile.With("file", c.Export).Because(err)
	}
	defer file.Close()
	return audit.VerifyExport(file, kept, t)
}

func (c *auditVerifyCmd) store(env *environment, kept []proof.Signed, t audit.Trust) (audit.Report, error) {
	store, done, err := c.openRecord(env)
	if err != nil {
		return audit.Report{}, err
	}
	defer done()
	var journal io.Reader
	file, err := os.Open(filepath.Join(c.Dir, audit.JournalName))
	switch {
	case err == nil:
		defer file.Close()
		journal = file
	case !errors.Is(err, fs.ErrNotExist):
		return audit.Report{}, errFile.With("file", audit.JournalName).Because(err)
	}
	return audit.VerifyStore(env.ctx, store, journal, kept, t)
}

// openRecord opens the authority's database to read.
func (f stateFlags) openRecord(env *environment) (*authoritystore.Store, func(), error) {
	db, err := openExisting(env, f.authorityAddress())
	if err != nil {
		return nil, nil, err
	}
	return authoritystore.New(db), func() { closing(env.log, "database", db.Close) }, nil
}

// moment is a time in Beijing; "" for none.
func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return certhall.DateTime(t)
}

func count[T int | int64](n T) string { return strconv.FormatInt(int64(n), 10) }

// tell says in plain words what is proved, and what is not.
func (c *auditVerifyCmd) tell(env *environment, r audit.Report) {
	if r.To < r.From {
		env.say("cli.audit.empty")
		return
	}
	env.say("cli.audit.follow", "count", count(r.Records), "from", count(r.From), "to", count(r.To), "first", moment(r.First), "last", moment(r.Last))
	if r.Signed == 0 {
		env.say("cli.audit.unproved")
	} else {
		env.say("cli.audit.signed", "number", count(r.Signed), "authority", r.Authority, "time", moment(r.SignedAt))
		if r.Signed < r.To {
			env.say("cli.audit.behind", "from", count(r.Signed+1), "to", count(r.To))
		}
	}
	if c.Export == "" {
		env.say("cli.audit.places", "checkpoints", count(r.Checkpoints), "lines", count(r.Lines))
	}
	if r.Lost > 0 {
		env.say("cli.audit.lost", "count", count(r.Lost))
	}
	switch {
	case !r.WithData:
		env.say("cli.audit.without-data")
	case r.Erased > 0:
		env.say("cli.audit.erased", "count", count(r.Erased))
	}
}

// auditExportCmd writes records for others.
type auditExportCmd struct {
	stateFlags
	Out      string `required:"" type:"path" help:"File to write."`
	From     int64  `help:"First record; default is the first of all."`
	To       int64  `help:"Last record; default is the last of all."`
	WithData bool   `help:"Write the records' data too: names of people and organisations are in it."`
}

func (c *auditExportCmd) Run(env *environment) error {
	public, err := c.public()
	if err != nil {
		return err
	}
	store, done, err := c.openRecord(env)
	if err != nil {
		return err
	}
	defer done()
	var written int64
	err = writeOut(c.Out, func(w io.Writer) error {
		written, err = audit.Export(env.ctx, store, w, audit.Extract{Authority: public.ID, From: c.From, To: c.To, WithData: c.WithData})
		return err
	})
	if err != nil {
		return err
	}
	env.say("cli.audit.exported", "count", count(written), "file", c.Out)
	return nil
}

// errOut says that a file could not be written; nothing of it stands.
var errOut = certhall.NewError("file-unwritable", certhall.Unavailable)

// writeOut writes a whole file or none, readable for its owner alone. What
// fill answers with a code stays what it is.
func writeOut(path string, fill func(io.Writer) error) error {
	err := durable.ReplaceFrom(path, fill, durable.Secret)
	var said *certhall.Error
	if err == nil || errors.As(err, &said) || errors.Is(err, context.Canceled) {
		return err
	}
	return errOut.With("file", path).Because(err)
}

// auditCheckpointCmd writes the last checkpoint.
type auditCheckpointCmd struct {
	stateFlags
	Out string `required:"" type:"path" help:"File to write."`
}

func (c *auditCheckpointCmd) Run(env *environment) error {
	public, err := c.public()
	if err != nil {
		return err
	}
	store, done, err := c.openRecord(env)
	if err != nil {
		return err
	}
	defer done()
	end, err := store.End(env.ctx)
	if err != nil {
		return err
	}
	if end.Last.Number == 0 {
		return errNoCheckpoint
	}
	text, err := end.Last.Encode(public.ID)
	if err != nil {
		return err
	}
	if err := writeOut(c.Out, func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	}); err != nil {
		return err
	}
	env.say("cli.audit.checkpoint", "number", count(end.Last.Number), "time", moment(end.Last.At), "file", c.Out)
	return nil
}
