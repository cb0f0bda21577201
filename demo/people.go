package demo

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"math/big"
	"os"
	"path/filepath"

	"github.com/emmansun/gmsm/smx509"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/desk/agent"
	"github.com/certhall/certhall/desk/token/softkey"
	"github.com/certhall/certhall/proof"
)

// Key files of the demo. The handler's lies in a folder of its own: what is in
// it is plugged into the handler's PC.
const (
	HandlerKeys = "keys"
	StaffKeys   = "staff"
)

// member is somebody of the demo with a soft key.
type member struct {
	file   string // name of the key's and of the PIN's file, without extension
	folder string
	serial string // of the device
	label  string
	room   int // containers that fit on the key
}

var (
	officers = [2]member{
		{"officer-1", StaffKeys, "OF10000001", "安全管理员1", 4},
		{"officer-2", StaffKeys, "OF10000002", "安全管理员2", 4},
	}
	reviewer = member{"reviewer", StaffKeys, "RV10000001", "审核员1", 4}
	handler  = member{"handler", HandlerKeys, "HT20260001", "海泰KEY（演示）", 10}
)

// iterations of PBKDF2 stand before every PIN; tests take fewer.
var iterations = softkey.DefaultIterations

// make makes the member's soft key with a random PIN, which is kept in a file
// that only the owner reads, and a random administrator's PIN, which is kept
// nowhere: it is for the authority's escrow.
func (m member) make(dir string, random io.Reader) (admin ca.NewAdminPIN, err error) {
	folder := filepath.Join(dir, m.folder)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return admin, err
	}
	pin, err := digits(random, 8)
	if err != nil {
		return admin, err
	}
	adminPIN, err := digits(random, 10)
	if err != nil {
		return admin, err
	}
	if err := os.WriteFile(m.pinFile(dir), []byte(pin+"\n"), 0o600); err != nil {
		return admin, err
	}
	return ca.NewAdminPIN{KeySerial: m.serial, PIN: []byte(adminPIN)}, softkey.Create(filepath.Join(folder, m.file+softkey.Extension), softkey.Options{
		Serial: m.serial, Label: m.label, PIN: pin, Room: m.room, AdminPIN: adminPIN, Iterations: iterations, Random: random,
	})
}

func (m member) pinFile(dir string) string { return filepath.Join(dir, m.file+".pin") }

// agent is an agent that has the member's keys plugged in and types the PIN.
func (m member) agent(dir string, root *smx509.Certificate, clock certhall.Clock, random io.Reader) (*agent.Agent, error) {
	pin, err := secretLine(m.pinFile(dir))
	if err != nil {
		return nil, err
	}
	return agent.New(agent.Options{
		Keys: softkey.Folder(filepath.Join(dir, m.folder)), Roots: []*smx509.Certificate{root},
		Person: typist(pin), Clock: clock, Random: random,
	}), nil
}

// typist is a person who knows the PIN and agrees.
type typist string

func (t typist) PIN(context.Context, agent.PINRequest) (string, error) { return string(t), nil }

func (t typist) NewPIN(context.Context, agent.NewPINRequest) (string, error) { return string(t), nil }
func (t typist) Consent(context.Context, agent.ConsentRequest) (bool, error) { return true, nil }

// staffKey is a Signer whose key lies on a soft key, reached through an agent.
type staffKey struct {
	agent  *agent.Agent
	serial string
}

func (s staffKey) Request(ctx context.Context, name string) ([]byte, error) {
	return s.agent.Enrol(ctx, s.serial, name)
}

func (s staffKey) Import(ctx context.Context, certificate []byte) error {
	return s.agent.ImportCertificate(ctx, s.serial, certificate)
}

func (s staffKey) Sign(ctx context.Context, d proof.Draft) (proof.Signed, error) {
	return s.agent.SignDecision(ctx, s.serial, proof.Encode(d))
}

// digits draws a number of n digits.
func digits(random io.Reader, n int64) (string, error) {
	limit := new(big.Int).Exp(big.NewInt(10), big.NewInt(n), nil)
	d, err := rand.Int(random, limit)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%0*d", n, d), nil
}

// Person is somebody of the demo, as `certhall demo` introduces him.
type Person struct {
	Role   string // handler, officer, reviewer
	File   string // of the soft key, within the state folder
	Serial string // of the key
	PIN    string
}

// People lists everybody with a key.
func People(dir string) ([]Person, error) {
	var all []Person
	for _, who := range []struct {
		role string
		member
	}{{"handler", handler}, {"officer", officers[0]}, {"officer", officers[1]}, {"reviewer", reviewer}} {
		pin, err := secretLine(who.pinFile(dir))
		if err != nil {
			return nil, err
		}
		all = append(all, Person{who.role, filepath.Join(who.folder, who.file+softkey.Extension), who.serial, pin})
	}
	return all, nil
}
