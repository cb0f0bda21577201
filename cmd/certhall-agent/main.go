// Command certhall-agent runs on the user's PC: it lists keys, renews and
// repairs their certificates with a hall, serves the pages of trusted portals,
// makes soft keys, enrols staff and signs their decisions. This folder holds
// flags, words and wiring; the work is done in package desk's rooms.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
	"github.com/emmansun/gmsm/smx509"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/desk/agent"
	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/desk/token/driverhost"
	"github.com/certhall/certhall/desk/token/softkey"
	"github.com/certhall/certhall/locale"
)

type cli struct {
	Keys string `type:"path" env:"CERTHALL_KEYS" help:"Folder of soft keys (default: certhall/keys in the user's configuration folder)."`
	driverFlags
	PinFD   int           `name:"pin-fd" default:"-1" help:"Read the PIN from this file descriptor (a line; 0 is standard input)."`
	LastTry bool          `help:"Use the last PIN try: one more wrong PIN locks the key."`
	Yes     bool          `short:"y" help:"Agree to what would be asked, except to use the last PIN try."`
	JSON    bool          `name:"json" help:"Write JSON, one object a line."`
	Wait    time.Duration `default:"2m" help:"How long a key that another program uses is waited for (0s: not at all)."`
	Lang    string        `help:"Language: zh-CN or en (default: the terminal's)."`

	List         listCmd       `cmd:"" help:"List keys and certificates."`
	Renew        serviceCmd    `cmd:"" help:"Renew a certificate (延期). Continues an unfinished case."`
	Repair       serviceCmd    `cmd:"" help:"Repair an expired certificate (修复). Continues an unfinished case."`
	ChangePIN    changePINCmd  `cmd:"" name:"change-pin" help:"Change a key's PIN (修改密码)."`
	Unlock       unlockCmd     `cmd:"" help:"Unlock a locked key with the authority's answer (解锁)."`
	Softkey      softkeyCmd    `cmd:"" help:"Soft keys: USB keys in a file."`
	Enrol        enrolCmd      `cmd:"" help:"Make a key pair and its request (P10), or import the certificate issued for it."`
	SignDecision decideCmd     `cmd:"" help:"Show a decision or an enrolment and sign it."`
	Encrypt      encryptCmd    `cmd:"" help:"Encrypt a file to an encryption certificate."`
	Decrypt      decryptCmd    `cmd:"" help:"Decrypt a file with whichever encryption key of the key it was made for."`
	Serve        serveCmd      `cmd:"" help:"Let the pages of trusted portals reach the keys of this PC."`
	Trust        trustCmd      `cmd:"" help:"Trust an authority, and the portals it names."`
	Doctor       doctorCmd     `cmd:"" help:"Examine what a renewal needs: server, authority, clock, keys, certificates (环境检测)."`
	Drivers      driversCmd    `cmd:"" help:"Tell which libraries reach keys on this PC."`
	DriverHost   driverHostCmd `cmd:"" hidden:""`
	Export       exportCmd     `cmd:"" help:"Write a certificate of the key to a file (PEM)."`
}

// description is shown by --help.
const description = `Certificates on USB keys: list, renew, repair.

Exit codes: 0 done · 1 other failure · 2 usage · 3 refused or not eligible · 4 PIN wrong, missing or locked · 5 key missing, busy, full or damaged · 6 server unreachable, sealed or busy: continue later with the same command.`

// What the command line itself answers.
var (
	errFile     = certhall.NewError("cli-file", certhall.Invalid)
	errNoKey    = certhall.NewError("cli-no-key", certhall.NotFound)
	errManyKeys = certhall.NewError("cli-many-keys", certhall.Invalid)
	errNoPair   = certhall.NewError("cli-no-certificate", certhall.NotFound)
)

// shell is what commands share.
type shell struct {
	cli
	ctx      context.Context
	in       *os.File
	out, err io.Writer
	clock    certhall.Clock
	secrets  secrets
	host     *driverhost.Host // nil until keys are reached for
	ownKeys  bool             // nobody named a folder of soft keys

	record    string       // file to which calls of libraries are recorded
	driverLog *slog.Logger // of libraries; nil: what befalls them is told with the keys
}

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	s := &shell{ctx: ctx, in: os.Stdin, out: os.Stdout, err: os.Stderr, clock: certhall.SystemClock{}}
	parser, err := kong.New(&s.cli, kong.Name("certhall-agent"), kong.Description(description), kong.Bind(s))
	if err != nil {
		panic(err)
	}
	command, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintln(os.Stderr, "certhall-agent:", err)
		return exitUsage
	}
	if s.Lang == "" {
		s.Lang = language()
	}
	s.Lang = locale.Pick(s.Lang)
	s.ownKeys = s.Keys == ""
	if s.ownKeys {
		if dir, err := os.UserConfigDir(); err == nil {
			s.Keys = filepath.Join(dir, "certhall", "keys")
		}
	}
	err = command.Run(s)
	if s.host != nil {
		err = errors.Join(err, s.host.Close())
	}
	if err != nil {
		var said exit
		if errors.As(err, &said) { // by the command itself
			return int(said)
		}
		return s.complain(err)
	}
	return exitDone
}

// language is what the person's terminal speaks (POSIX: LC_ALL over LC_MESSAGES over LANG).
func language() string {
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if v := os.Getenv(name); v != "" {
			return v
		}
	}
	return ""
}

// agent makes an agent over the keys in a folder or in one file.
func (s *shell) agent(keys agent.Keys, roots []*smx509.Certificate) *agent.Agent {
	return agent.New(agent.Options{Keys: keys, Roots: roots, Person: person{s}, Clock: s.clock, Random: rand.Reader, Locks: s.locks(), Unlocking: unlocking()})
}

// keyFlag chooses a key.
type keyFlag struct {
	Key string `help:"Key: its serial, or the file of a soft key. Needed only if there are several."`
}

// listed are the keys that are plugged in. Where the wanted one is not among
// them, a library that has not answered yet is waited for: it may have it.
func (f keyFlag) listed(s *shell, keys agent.Keys) (infos []token.Info, err error) {
	err = s.patience().For(s.ctx, func() (err error) {
		if infos, err = keys.List(s.ctx); err != nil {
			return err
		}
		var slow *certhall.Error
		for _, info := range infos {
			switch {
			case f.Key != "" && info.Serial == f.Key, f.Key == "" && info.Trouble == nil:
				return nil
			case info.Serial == "" && info.Trouble != nil && token.Passes(info.Trouble):
				slow = info.Trouble
			}
		}
		if slow != nil {
			return slow
		}
		return nil
	})
	return infos, err
}

// find tells which keys are plugged in and which one is meant.
func (f keyFlag) find(s *shell) (agent.Keys, string, error) {
	if strings.ContainsRune(f.Key, os.PathSeparator) || strings.HasSuffix(f.Key, softkey.Extension) {
		k, err := softkey.Open(f.Key)
		if errors.Is(err, token.ErrRemoved) {
			return nil, "", errNoKey.With("key", f.Key)
		}
		if err != nil {
			return nil, "", err
		}
		s.Keys, s.ownKeys = filepath.Dir(f.Key), false
		return oneFile(f.Key), k.Info().Serial, nil
	}
	keys, err := s.keys()
	if err != nil {
		return nil, "", err
	}
	infos, err := f.listed(s, keys)
	if err != nil {
		return nil, "", err
	}
	if f.Key != "" {
		for _, info := range infos {
			if info.Serial == f.Key {
				return keys, f.Key, nil
			}
		}
		for _, info := range infos {
			if info.Serial == "" && info.Trouble != nil { // behind which the key may be
				return nil, "", info.Trouble
			}
		}
		return nil, "", errNoKey.With("key", f.Key)
	}
	var serials []string
	for _, info := range infos {
		if info.Trouble == nil {
			serials = append(serials, info.Serial)
		}
	}
	switch {
	case len(serials) == 1:
		return keys, serials[0], nil
	case len(infos) == 0:
		return nil, "", errNoKey.With("key", s.Keys)
	case len(serials) == 0:
		return nil, "", infos[0].Trouble
	}
	return nil, "", errManyKeys.With("keys", strings.Join(serials, ", "))
}

// oneFile is the soft key of one file as the only one plugged in.
type oneFile string

func (f oneFile) List(context.Context) ([]token.Info, error) {
	k, err := softkey.Open(string(f))
	if err != nil {
		return nil, err
	}
	return []token.Info{k.Info()}, nil
}

func (f oneFile) Open(_ context.Context, serial string) (token.Key, error) {
	k, err := softkey.Open(string(f))
	if err != nil {
		return nil, err
	}
	if k.Info().Serial != serial {
		return nil, token.ErrRemoved
	}
	return k, nil
}
