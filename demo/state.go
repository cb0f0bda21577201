package demo

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority/audit"
	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/authority/ceremony"
	"github.com/certhall/certhall/authority/kmc"
	"github.com/certhall/certhall/desk/agent"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/hall/accounts"
	"github.com/certhall/certhall/hall/catalog"
	"github.com/certhall/certhall/proof"
	authoritystore "github.com/certhall/certhall/store/authority"
	hallstore "github.com/certhall/certhall/store/hall"
	"github.com/certhall/certhall/store/sqldb"
)

// Files of the state folder beside those that every state folder has.
const (
	Mark           = "demo.json" // written last: with it the demo is complete
	passphraseFile = "passphrase"
	rootPassphrase = "root-passphrase"
	lockFile       = "lock"       // held while the demo runs
	TenderFile     = "tender.enc" // encrypted to the encryption certificate of tenderNumber
)

// tenderNumber is the number of the certificate that ends first.
const tenderNumber = "HT-2026-0001"

// Tender is what TenderFile says once it is decrypted.
const Tender = "投标文件（演示）：用旧加密证书加密，延期以后仍然可以解密。\n"

// People of the demo who may log in: the handler by phone or user name; and
// somebody with no certificates, to see what is none of his. Neither has a
// password of his own yet.
const (
	Phone      = "13800000001"
	UserName   = "demo"
	OtherPhone = "13800000002"
)

// Projects of the demo.
const (
	Procurement = "government-procurement" // 政府采购项目
	Insurance   = "medical-insurance"      // 医保项目
)

// ErrFolder says that the folder holds something that is not a demo's.
var ErrFolder = certhall.NewError("not-a-demo-folder", certhall.Conflict)

// certificate is one of the handler's: issued so long ago that what is
// left of its term is left now.
type certificate struct {
	number  string // 证书卡号
	project string
	years   int
	left    time.Duration // until its end, at the demo's first start
	profile string        // "": a pair of an organisation's, with SM2
}

const day = 24 * time.Hour

// certificates in the order of their issuing.
var certificates = []certificate{
	{"HT-2026-0002", Insurance, 1, -40 * day, ""},
	{"HT-2026-0001", Procurement, 1, 20 * day, ""},
	{"HT-2026-0004", Insurance, 1, 35 * day, ""},
	{"HT-2026-0005", Insurance, 1, 50 * day, ""},
	{"HT-2026-0003", Procurement, 1, 300 * day, ""},
}

// Make makes the demo's state in dir, unless it stands there already. It is
// made in a folder beside and moved into place at the end, so that half a demo
// is never found: what a broken start left behind is thrown away. Where the
// handler is not on record, whoever has the key and proves a phone becomes it.
// More keys get certificates too.
func Make(ctx context.Context, dir, base string, onRecord bool, random io.Reader, more ...Plugged) error {
	if IsComplete(dir) {
		return nil
	}
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		return ErrFolder.With("dir", dir)
	}
	making := filepath.Clean(dir) + ".making"
	if err := os.RemoveAll(making); err != nil {
		return err
	}
	if err := os.MkdirAll(making, 0o700); err != nil {
		return err
	}
	m := maker{dir: making, base: base, onRecord: onRecord, more: more, clock: new(Clock), random: random}
	if err := m.make(ctx); err != nil {
		return errors.Join(err, os.RemoveAll(making))
	}
	return os.Rename(making, dir)
}

// IsComplete tells whether dir holds a whole demo.
func IsComplete(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, Mark))
	return err == nil
}

// Reset removes a demo's state; anything else it leaves alone.
func Reset(dir string) error {
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if !IsComplete(dir) {
		return ErrFolder.With("dir", dir)
	}
	lock, err := Lock(dir)
	if err != nil {
		return err
	}
	defer lock.Close()
	return os.RemoveAll(dir)
}

// ErrRunning says that a demo runs on the state folder.
var ErrRunning = certhall.NewError("demo-running", certhall.Conflict)

// Lock claims a state folder for one process until it is closed.
func Lock(dir string) (*flock.Flock, error) {
	lock := flock.New(filepath.Join(dir, lockFile))
	locked, err := lock.TryLock()
	if err != nil {
		return nil, err
	}
	if !locked {
		return nil, ErrRunning.With("dir", dir)
	}
	return lock, nil
}

// Passphrase opens the file with the day-to-day passphrase, to be handed on as
// a descriptor.
func Passphrase(dir string) (*os.File, error) { return os.Open(filepath.Join(dir, passphraseFile)) }

// HandlerPIN reads the PIN of the handler's key.
func HandlerPIN(dir string) (string, error) { return secretLine(handler.pinFile(dir)) }

// HandlerSerial is the serial of the handler's key.
const HandlerSerial = "HT20260001"

type maker struct {
	dir      string
	base     string
	onRecord bool // the handler, for his certificates
	more     []Plugged
	clock    *Clock
	random   io.Reader
}

// make runs the ceremony more than a year ago and comes back to the present
// certificate by certificate.
func (m maker) make(ctx context.Context) error {
	now := certhall.SystemClock{}.Now()
	m.clock.Set(now.AddDate(0, 0, -450))
	db, err := sqldb.Open(ctx, "sqlite:"+filepath.Join(m.dir, "authority.db"))
	if err != nil {
		return err
	}
	defer db.Close()
	if err := sqldb.Migrate(ctx, db, authoritystore.Migrations()); err != nil {
		return err
	}
	store := authoritystore.New(db)
	a, err := m.found(ctx, store)
	if err != nil {
		return err
	}
	desk, err := handler.agent(m.dir, a.Founded.Root.Certificate, m.clock, m.random)
	if err != nil {
		return err
	}
	var lineages []certhall.LineageID
	for _, c := range certificates {
		lineage, bundle, err := m.issue(ctx, a, desk, handler.serial, c, now)
		if err != nil {
			return err
		}
		if c.number == tenderNumber {
			if err := m.encryptTender(bundle); err != nil {
				return err
			}
		}
		lineages = append(lineages, lineage)
	}
	for _, p := range m.more {
		given, err := p.give(ctx, m, a, now, len(lineages))
		if err != nil {
			return err
		}
		lineages = append(lineages, given...)
	}
	if _, err := (audit.Sequencer{Store: store}).Run(ctx); err != nil {
		return err
	}
	m.clock.Set(time.Time{})
	// The roots' CRLs of that day have run out: this year's ceremony.
	if err := a.Founded.RenewRootCRLs(filepath.Join(m.dir, "authority"), m.clock, m.random); err != nil {
		return err
	}
	if err := m.register(ctx, lineages); err != nil {
		return err
	}
	return m.mark()
}

// issue puts a certificate on a key, so long before now that what is left of its
// term is left now.
func (m maker) issue(ctx context.Context, a *Authority, desk Desk, serial string, c certificate, now time.Time) (certhall.LineageID, proof.Bundle, error) {
	m.clock.Set(certhall.AddYears(now.Add(c.left), -c.years))
	lineage := certhall.LineageID(certhall.NewID(m.clock.Now(), m.random))
	bundle, err := a.Apply(ctx, desk, serial, Applicant{
		Name: "示例医疗器械有限公司", Organisation: "91310000MA1K35XE0L", Lineage: lineage,
		Project: c.project, KeyNumber: c.number, TermYears: c.years, Profile: c.profile,
	})
	if err != nil {
		err = fmt.Errorf("demo: certificate %s: %w", c.number, err)
	}
	return lineage, bundle, err
}

// found runs the ceremony with officers and a reviewer on soft keys.
func (m maker) found(ctx context.Context, store ca.Store) (*Authority, error) {
	var admin []ca.NewAdminPIN
	for _, who := range []member{officers[0], officers[1], reviewer, handler} {
		pin, err := who.make(m.dir, m.random)
		if err != nil {
			return nil, err
		}
		admin = append(admin, pin)
	}
	o := Options{
		ID: "demo", Name: "演示证书认证机构", Store: store, Policy: ca.DefaultPolicy(),
		Base: m.base, Algorithms: []gm.Algorithm{gm.RSA, gm.ECDSA}, Clock: m.clock, Random: m.random,
	}
	founded, err := ceremony.Found(o.plan())
	if err != nil {
		return nil, err
	}
	var pass ceremony.Passphrases
	if pass.Daily, err = m.secret(passphraseFile); err != nil {
		return nil, err
	}
	if pass.Root, err = m.secret(rootPassphrase); err != nil {
		return nil, err
	}
	if err := ceremony.Write(filepath.Join(m.dir, "authority"), founded, o.plan(), true, pass); err != nil {
		return nil, err
	}
	a := &Authority{Options: o, Founded: founded, CA: o.ca(founded, kmc.New(founded.EscrowKey(), m.random))}
	for i, who := range []member{officers[0], officers[1], reviewer} {
		desk, err := who.agent(m.dir, founded.Root.Certificate, m.clock, m.random)
		if err != nil {
			return nil, err
		}
		if i < 2 {
			a.Officers[i] = staffKey{desk, who.serial}
		} else {
			a.Reviewer = staffKey{desk, who.serial}
		}
	}
	if err := a.staff(ctx); err != nil {
		return nil, err
	}
	return a, a.CA.EscrowAdminPINs(ctx, admin, false)
}

// encryptTender leaves a file that only the old encryption key opens.
func (m maker) encryptTender(b proof.Bundle) error {
	c, err := gm.ParseCertificate(b.Enc)
	if err != nil {
		return err
	}
	sealed, err := agent.Encrypt(c, []byte(Tender))
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(m.dir, TenderFile), sealed, 0o644)
}

// offer imports the demo's catalogue.
func (m maker) offer(ctx context.Context, to catalog.Archive) error {
	draft, err := Catalog()
	if err != nil {
		return err
	}
	_, err = catalog.Desk{Archive: to, Clock: m.clock}.Import(ctx, draft, 0, "certhall demo", "演示")
	return err
}

// register has the hall offer its catalogue, makes people known to it, and links the handler with his
// certificates, as an import from an earlier system would.
func (m maker) register(ctx context.Context, lineages []certhall.LineageID) error {
	db, err := sqldb.Open(ctx, "sqlite:"+filepath.Join(m.dir, "hall.db"))
	if err != nil {
		return err
	}
	defer db.Close()
	if err := hallstore.Migrate(ctx, db); err != nil {
		return err
	}
	store := hallstore.New(db, nil)
	if err := m.offer(ctx, store.Catalogs()); err != nil {
		return err
	}
	now := m.clock.Now()
	return store.Accounts().Write(ctx, func(w accounts.Writer) error {
		person, err := w.PersonOfPhone(Phone, certhall.NewID(now, m.random), now)
		if err != nil {
			return err
		}
		if _, err := w.SetUserName(person.ID, UserName, UserName); err != nil {
			return err
		}
		if _, err := w.PersonOfPhone(OtherPhone, certhall.NewID(now, m.random), now); err != nil {
			return err
		}
		if !m.onRecord {
			return nil
		}
		for _, l := range lineages {
			if err := w.AddHandler(accounts.Handler{Person: person, Lineage: l, Source: accounts.ByImport}, now); err != nil {
				return err
			}
		}
		return nil
	})
}

// secret draws a passphrase and keeps it in a file that only the owner reads.
func (m maker) secret(name string) ([]byte, error) {
	pass := make([]byte, 20)
	if _, err := io.ReadFull(m.random, pass); err != nil {
		return nil, err
	}
	text := fmt.Sprintf("%x", pass)
	return []byte(text), os.WriteFile(filepath.Join(m.dir, name), []byte(text+"\n"), 0o600)
}

func (m maker) mark() error {
	text, err := json.MarshalIndent(map[string]any{"made_at": m.clock.Now(), "base": m.base}, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(m.dir, Mark), append(text, '\n'), 0o644)
}

func secretLine(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	s := bufio.NewScanner(file)
	s.Scan()
	return s.Text(), s.Err()
}
