package driverhost

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emmansun/gmsm/sm2"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/desk/token/native"
	"github.com/certhall/certhall/desk/token/softkey"
	"github.com/certhall/certhall/gm"
)

// The tests' own kind of library: a folder of soft keys, in which containers
// with certain names are fatal.
const soft = "soft"

const (
	childVariable  = "DRIVERHOST_TEST_CHILD"
	parentVariable = "DRIVERHOST_TEST_PARENT"
)

var background = context.Background()

func TestMain(m *testing.M) {
	kinds[soft] = kind{
		load: func(path string, _ native.Options) (native.Library, error) {
			return folderLibrary{path: path}, loadTrick(path)
		},
		check: func(json.RawMessage) error { return nil },
		open: func(lib native.Library, _ json.RawMessage) (module, error) {
			return softModule{softkey.Folder(lib.(folderLibrary).path)}, nil
		},
	}
	if os.Getenv("DRIVERHOST_TEST_STAYS") != "" { // a library has started it
		signal.Notify(make(chan os.Signal, 1), os.Interrupt)
		select {}
	}
	if dir := os.Getenv(parentVariable); dir != "" && os.Getenv(childVariable) == "" {
		if err := beParent(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(1)
	}
	if os.Getenv(childVariable) != "" {
		if err := Serve(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	var err error
	if built, err = os.MkdirTemp("", "driverhost"); err != nil {
		panic(err)
	}
	code := m.Run()
	_ = os.RemoveAll(built)
	os.Exit(code)
}

// beParent opens the key K1 of a folder through a child, says so, and waits.
func beParent(dir string) error {
	h, err := Open(Options{
		Libraries: []Library{{Entry: Entry{Name: "acme", Kind: soft, Environment: map[string]string{childVariable: "1"}}, Path: dir, Explicit: true}},
		Command:   []string{os.Args[0]},
	})
	if err != nil {
		return err
	}
	k, err := h.Open(token.Glance(background), "K1")
	if err != nil {
		return err
	}
	os.Stdout.WriteString(k.Info().Serial + "\n")
	_, err = k.Create(background, "hang")
	return err
}

// built is a folder for what tests compile.
var built string

// loadTrick lets a folder with such a file in it be fatal to load.
func loadTrick(path string) error {
	if _, err := os.Stat(filepath.Join(path, "crash-at-load")); err == nil {
		os.Exit(3)
	}
	if _, err := os.Stat(filepath.Join(path, "hang-at-load")); err == nil {
		select {}
	}
	if _, err := os.Stat(filepath.Join(path, "fail-at-load")); err == nil {
		return errors.New("a symbol is missing")
	}
	return nil
}

type folderLibrary struct {
	native.Library
	path string
}

type softModule struct{ softkey.Folder }

func (softModule) Close() error {
	if os.Getenv("CLOSE_FAILS") != "" {
		return token.ErrDriverWrong
	}
	return nil
}

func (m softModule) List(ctx context.Context) ([]token.Info, error) {
	if said := os.Getenv("SAYS"); said != "" {
		fmt.Fprintln(printed(), said)
	}
	return m.Folder.List(ctx)
}

func (m softModule) Open(ctx context.Context, serial string) (token.Key, error) {
	k, err := m.Folder.Open(ctx, serial)
	return trickKey{k}, err
}

type trickKey struct{ token.Key }

func (k trickKey) PINState(ctx context.Context) (token.PINState, error) {
	if os.Getenv("STATELESS") != "" {
		return token.PINState{}, token.ErrDriverWrong
	}
	return k.Key.PINState(ctx)
}

func (k trickKey) Close() error {
	if told := os.Getenv("CLOSED"); told != "" {
		if err := os.WriteFile(told, []byte("!"), 0o600); err != nil {
			return err
		}
	}
	return k.Key.Close()
}

func (k trickKey) Login(ctx context.Context, pin string) error {
	fmt.Fprintf(printed(), "C_Login pin=%s\n", pin) // as careless libraries do
	return k.Key.Login(ctx, pin)
}

func (k trickKey) Create(ctx context.Context, name string) (token.Container, error) {
	switch name {
	case "crash":
		crash()
		select {}
	case "exit":
		os.Exit(0)
	case "hang":
		if told := os.Getenv("TOLD"); told != "" {
			line, err := os.OpenFile(told, os.O_WRONLY, 0)
			if err == nil {
				_, _ = line.Write([]byte("!"))
				defer line.Close()
			}
		}
		select {}
	case "garbage", "reply", "flood":
		reply := `{"id":1}` + "\n"
		text := map[string]string{"garbage": "\x00\xff\n", "reply": reply, "flood": strings.Repeat(reply, 20_000)}[name]
		writeEverywhere([]byte(text))
		select {}
	}
	return k.Key.Create(ctx, name)
}

// bench is a PC with libraries.
type bench struct {
	*Host
	clock *stoppedClock
	log   *safeBuffer
	time  *timers
}

type stoppedClock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *stoppedClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *stoppedClock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// timers run out when the test says so.
type timers struct {
	mu  sync.Mutex
	out map[time.Duration]bool // those that have run out when they begin
}

func (s *timers) after(d time.Duration) (<-chan time.Time, func() bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := make(chan time.Time, 1)
	if s.out[d] {
		c <- time.Time{}
	}
	return c, func() bool { return true }
}

func (s *timers) runOut(d time.Duration, out bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.out[d] = out
}

type safeBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.String()
}

func newBench(t *testing.T, folder Keys, libraries ...Library) *bench {
	t.Helper()
	b := &bench{
		clock: &stoppedClock{now: time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)}, log: new(safeBuffer),
		time: &timers{out: map[time.Duration]bool{}},
	}
	for i := range libraries {
		environment := map[string]string{childVariable: "1"}
		for name, value := range libraries[i].Environment {
			environment[name] = value
		}
		libraries[i].Environment = environment
	}
	h, err := Open(Options{
		Libraries: libraries, Folder: folder, Command: []string{os.Args[0]}, Clock: b.clock,
		Log: slog.New(slog.NewTextHandler(b.log, nil)), After: b.time.after,
	})
	if err != nil {
		t.Fatal(err)
	}
	b.Host = h
	t.Cleanup(func() {
		b.time.runOut(limitEnd, true) // of children that hang
		if err := h.Close(); err != nil {
			t.Error(err)
		}
		for _, d := range append(h.named, h.found...) {
			if c := d.running.Load(); c != nil {
				<-c.ended
			}
		}
	})
	return b
}

const pin = "135790"

func softLibrary(t *testing.T, name string, serials ...string) Library {
	t.Helper()
	dir := t.TempDir()
	for _, serial := range serials {
		makeKey(t, dir, serial)
	}
	return Library{Entry: Entry{Name: name, Kind: soft}, Path: dir, Explicit: true}
}

func makeKey(t *testing.T, dir, serial string) {
	t.Helper()
	o := softkey.Options{Serial: serial, Label: serial, PIN: pin, Room: 4, Tries: 6, Iterations: 1}
	if err := softkey.Create(filepath.Join(dir, serial+softkey.Extension), o); err != nil {
		t.Fatal(err)
	}
}

func serials(t *testing.T, h *Host) map[string]token.Info {
	t.Helper()
	infos, err := h.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]token.Info{}
	for _, i := range infos {
		all[i.Serial] = i
	}
	return all
}

// TestEveryOperation: a key in a child answers as it does in this process.
func TestEveryOperation(t *testing.T) {
	ctx := t.Context()
	b := newBench(t, nil, softLibrary(t, "acme", "K1"))
	k, err := b.Open(ctx, "K1")
	if err != nil {
		t.Fatal(err)
	}
	check := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v: %v", what, err, certhall.CauseText(err))
		}
	}
	if i := k.Info(); i.Serial != "K1" || i.Library != "acme" || i.Driver != softkey.Driver {
		t.Errorf("%+v", i)
	}
	err = k.Login(ctx, "000000")
	if e := certhall.AsError(err); !errors.Is(err, token.ErrPINWrong) || e.Params["tries"] != "5" || e.Kind != certhall.Denied {
		t.Errorf("wrong PIN: %v", err)
	}
	if k.LoggedIn() {
		t.Error("logged in by a wrong PIN")
	}
	state, err := k.PINState(ctx)
	if check("state", err); state.Tries != 5 || !state.Low {
		t.Errorf("%+v", state)
	}
	if _, err := k.AdminPINState(ctx); err != nil && !errors.Is(err, token.ErrUnsupported) {
		t.Error(err)
	}
	check("login", k.Login(ctx, pin))
	if !k.LoggedIn() {
		t.Error("not logged in")
	}
	c, err := k.Create(ctx, "a")
	check("create", err)
	if _, err := k.Create(ctx, "a"); !errors.Is(err, token.ErrContainerExists) {
		t.Error(err)
	}
	if _, err := c.PublicKey(ctx, token.Signing); !errors.Is(err, token.ErrNoKey) {
		t.Error(err)
	}
	public, err := c.GenerateSigningKey(ctx, gm.SM2)
	check("generate", err)
	again, err := c.PublicKey(ctx, token.Signing)
	if check("public key", err); !gm.SameKey(public, again) {
		t.Error("another public key")
	}
	message := []byte("message")
	signature, err := c.Sign(ctx, message)
	if check("sign", err); gm.VerifyAny(again, message, signature) != nil {
		t.Error("the signature is wrong")
	}
	check("certificate", c.ImportCertificate(ctx, token.Signing, []byte("certificate")))
	der, err := c.Certificate(ctx, token.Signing)
	if check("certificate", err); string(der) != "certificate" {
		t.Errorf("%q", der)
	}
	encryption, err := sm2.GenerateKey(rand.Reader)
	check("key", err)
	envelope, err := gm.EnvelopeKey(rand.Reader, public.(*ecdsa.PublicKey), encryption)
	check("envelope", err)
	check("import", c.ImportEncryptionKey(ctx, envelope))
	cipher, err := gm.Seal(rand.Reader, &encryption.PublicKey, message)
	check("seal", err)
	plain, err := c.Decrypt(ctx, cipher)
	if check("decrypt", err); !bytes.Equal(plain, message) {
		t.Errorf("%q", plain)
	}
	names, err := k.Containers(ctx)
	if check("containers", err); len(names) != 1 || names[0] != "a" || c.Name() != "a" {
		t.Errorf("%v", names)
	}
	room, err := k.Room(ctx)
	if check("room", err); room != 3 {
		t.Errorf("room for %d", room)
	}
	_, err = k.Container(ctx, "b")
	if !errors.Is(err, token.ErrNoContainer) {
		t.Error(err)
	}
	check("delete", k.Delete(ctx, "a"))
	if _, err := c.Sign(ctx, message); !errors.Is(err, token.ErrNoContainer) {
		t.Error(err)
	}
	check("change PIN", k.ChangePIN(ctx, pin, "246802"))
	check("login", k.Login(ctx, "246802"))
	check("logout", k.Logout(ctx))
	if k.LoggedIn() {
		t.Error("still logged in")
	}
	check("close", k.Close())
	if _, err := b.Open(ctx, "K2"); !errors.Is(err, token.ErrRemoved) {
		t.Error(err)
	}
}

// TestFatalCalls: however a library ends its child, its user is told by name,
// other libraries' keys are not harmed, and the key opens itself in another
// child, where nobody is logged in.
func TestFatalCalls(t *testing.T) {
	for name, want := range map[string]error{
		"crash": token.ErrDriverCrashed, "exit": token.ErrDriverCrashed, "garbage": token.ErrDriverCrashed,
		"reply": token.ErrDriverCrashed, "flood": token.ErrDriverCrashed, "hang": token.ErrDriverHung,
	} {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			b := newBench(t, nil, softLibrary(t, "acme", "K1"), softLibrary(t, "other", "K2"))
			k, err := b.Open(ctx, "K1")
			if err != nil {
				t.Fatal(err)
			}
			other, err := b.Open(ctx, "K2")
			if err != nil {
				t.Fatal(err)
			}
			for _, k := range []token.Key{k, other} {
				if err := k.Login(ctx, pin); err != nil {
					t.Fatal(err)
				}
			}
			b.time.runOut(limit, name == "hang")
			_, err = k.Create(ctx, name)
			b.time.runOut(limit, false)
			if !errors.Is(err, want) || certhall.AsError(err).Params["library"] != "acme" {
				t.Fatalf("%v, want %v", err, want)
			}
			if k.LoggedIn() {
				t.Error("logged in at a child that has ended")
			}
			if _, err := k.Create(ctx, "a"); !errors.Is(err, token.ErrPINNeeded) {
				t.Errorf("in the next child: %v", err)
			}
			if err := k.Login(ctx, pin); err != nil {
				t.Error(err)
			}
			if _, err := k.Create(ctx, "a"); err != nil {
				t.Error(err)
			}
			if _, err := other.Create(ctx, "a"); err != nil || !other.LoggedIn() {
				t.Errorf("the other library's key: %v", err)
			}
		})
	}
}

// TestRests: a library that fails at load again and again is left alone for a
// while, and is named all the time; the others are listed.
func TestRests(t *testing.T) {
	for file, want := range map[string]error{"crash-at-load": token.ErrDriverCrashed, "hang-at-load": token.ErrDriverHung, "fail-at-load": token.ErrDriverMissing} {
		t.Run(file, func(t *testing.T) {
			bad := softLibrary(t, "bad", "K1")
			trick := filepath.Join(bad.Path, file)
			if err := os.WriteFile(trick, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			b := newBench(t, nil, bad, softLibrary(t, "good", "K2"))
			d := b.named[0]
			for n := range failures {
				d.After = (&timers{out: map[time.Duration]bool{limit: file == "hang-at-load"}}).after
				all := serials(t, b.Host)
				if trouble := all[""].Trouble; !errors.Is(trouble, want) || all[""].Library != "bad" {
					t.Fatalf("try %d: %v", n, all)
				}
				if all["K2"].Trouble != nil || all["K2"].Library != "good" {
					t.Fatalf("%v", all)
				}
			}
			children := d.generation
			if want != token.ErrDriverMissing {
				want = token.ErrDriverRests
			}
			if trouble := serials(t, b.Host)[""].Trouble; !errors.Is(trouble, want) || d.generation != children {
				t.Fatalf("%v after %d children", trouble, d.generation)
			}
			d.After = b.time.after
			if err := os.Remove(trick); err != nil {
				t.Fatal(err)
			}
			b.clock.pass(rest)
			if all := serials(t, b.Host); all["K1"].Trouble != nil || all["K1"].Library != "bad" {
				t.Fatalf("%v", all)
			}
		})
	}
}

// TestBusyLibrary: while a call takes long, a listing tells what was seen last;
// who glances is not kept waiting, who works waits for his turn; one who gives
// up leaves the library to finish.
func TestBusyLibrary(t *testing.T) {
	b := newBench(t, nil, softLibrary(t, "acme", "K1", "K2"), softLibrary(t, "other", "K3"))
	if all := serials(t, b.Host); len(all) != 3 {
		t.Fatalf("%v", all)
	}
	k, err := b.Open(t.Context(), "K1")
	if err != nil {
		t.Fatal(err)
	}
	d := b.named[0]
	d.turn <- struct{}{} // as a call that takes long
	d.long.Store(true)
	all := serials(t, b.Host)
	if !errors.Is(all["K1"].Trouble, token.ErrKeyBusy) || !errors.Is(all["K2"].Trouble, token.ErrKeyBusy) || all["K3"].Trouble != nil {
		t.Errorf("%v", all)
	}
	if _, err := k.PINState(token.Glance(t.Context())); !errors.Is(err, token.ErrKeyBusy) {
		t.Error(err)
	}
	ctx, give := context.WithCancel(t.Context())
	give()
	if _, err := k.PINState(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	waited := make(chan error)
	go func() {
		_, err := k.PINState(t.Context())
		waited <- err
	}()
	d.release()
	if err := <-waited; err != nil {
		t.Error(err)
	}
	if all := serials(t, b.Host); all["K1"].Trouble != nil {
		t.Errorf("%v", all)
	}
}

// TestSlowLibrary: a library that does not answer who merely looks is in
// nobody's use, and is named as what it is: at its first listing in the place of
// its keys, later on the keys that it had.
func TestSlowLibrary(t *testing.T) {
	b := newBench(t, nil, softLibrary(t, "acme", "K1"))
	d := b.named[0]
	slow := func(what string, serial string) {
		t.Helper()
		if err := d.take(token.Glance(t.Context())); err != nil { // as a listing that hangs
			t.Fatal(err)
		}
		d.long.Store(true) // it is asked for nothing else meanwhile
		defer d.release()
		all, err := b.List(t.Context())
		if err != nil || len(all) != 1 || all[0].Serial != serial || !errors.Is(all[0].Trouble, token.ErrDriverSlow) || all[0].Trouble.Params["library"] != "acme" {
			t.Errorf("%s: %+v, %v", what, all, err)
		}
	}
	slow("before it told of any key", "")
	if all := serials(t, b.Host); all["K1"].Trouble != nil || len(all) != 1 {
		t.Errorf("%v", all)
	}
	slow("afterwards", "K1")
	if all := serials(t, b.Host); all["K1"].Trouble != nil {
		t.Errorf("%v", all)
	}
}

// TestGivenUp: a caller who gives up in the midst of a call goes at once, and
// what the call brings is not taken for the next one's.
func TestGivenUp(t *testing.T) {
	b := newBench(t, nil, softLibrary(t, "acme", "K1"))
	k, err := b.Open(t.Context(), "K1")
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Login(t.Context(), pin); err != nil {
		t.Fatal(err)
	}
	ctx, give := context.WithCancel(t.Context())
	d := b.named[0]
	over := make(chan time.Time)
	begun := make(chan struct{}, 1)
	d.After = func(time.Duration) (<-chan time.Time, func() bool) {
		begun <- struct{}{}
		return over, func() bool { return true }
	}
	gone := make(chan error)
	go func() {
		_, err := k.Create(ctx, "hang")
		gone <- err
	}()
	<-begun
	give()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	over <- time.Time{}  // the library hangs on until its time is over
	d.turn <- struct{}{} // and until its child is gone
	d.After = b.time.after
	d.release()
	if _, err := k.PINState(t.Context()); err != nil || k.LoggedIn() {
		t.Errorf("%v, logged in: %v", err, k.LoggedIn())
	}
}

// TestInfoWhileOpenedAnew: whose key it is can be asked while a call opens it
// in another child.
func TestInfoWhileOpenedAnew(t *testing.T) {
	b := newBench(t, nil, softLibrary(t, "acme", "K1"))
	k, err := b.Open(t.Context(), "K1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.Create(t.Context(), "crash"); !errors.Is(err, token.ErrDriverCrashed) {
		t.Fatal(err)
	}
	opened := make(chan error)
	go func() {
		_, err := k.PINState(t.Context())
		opened <- err
	}()
	if k.Info().Serial != "K1" {
		t.Errorf("%+v", k.Info())
	}
	if err := <-opened; err != nil {
		t.Error(err)
	}
}

// TestOneSerialTwice: a key that is reached in several ways is reached through
// the library that was named, before the folder, before one that was found.
func TestOneSerialTwice(t *testing.T) {
	named, found := softLibrary(t, "named", "K1"), softLibrary(t, "found", "K1", "K2")
	found.Explicit = false
	folder := t.TempDir()
	for _, serial := range []string{"K1", "K2", "K3"} {
		makeKey(t, folder, serial)
	}
	b := newBench(t, softkey.Folder(folder), named, found)
	all := serials(t, b.Host)
	if len(all) != 3 || all["K1"].Library != "named" || all["K2"].Library != "" || all["K3"].Library != "" {
		t.Errorf("%v", all)
	}
	for serial, library := range map[string]string{"K1": "named", "K2": ""} {
		k, err := b.Open(t.Context(), serial)
		if err != nil || k.Info().Library != library {
			t.Errorf("%s: %v, %v", serial, k, err)
		}
	}
}

// TestNoPINInLogs: what a library prints does not reach its parent's pipe; it
// is logged until the library was given a PIN.
func TestNoPINInLogs(t *testing.T) {
	l := softLibrary(t, "acme", "K1")
	l.Environment = map[string]string{"SAYS": "hello from the library"}
	b := newBench(t, nil, l)
	k, err := b.Open(t.Context(), "K1")
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Login(t.Context(), pin); err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if said := b.log.String(); !strings.Contains(said, "hello from the library") || strings.Contains(said, pin) {
		t.Errorf("log:\n%s", said)
	}
}

func TestClose(t *testing.T) {
	b := newBench(t, nil, softLibrary(t, "acme", "K1"))
	k, err := b.Open(t.Context(), "K1")
	if err != nil {
		t.Fatal(err)
	}
	c := b.named[0].running.Load()
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	<-c.ended
	if _, err := k.PINState(t.Context()); !errors.Is(err, token.ErrRemoved) {
		t.Error(err)
	}
}

// TestEndRefused: a library that refuses to end ends with its child.
func TestEndRefused(t *testing.T) {
	l := softLibrary(t, "acme", "K1")
	l.Environment = map[string]string{"CLOSE_FAILS": "1"}
	b := newBench(t, nil, l)
	serials(t, b.Host)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	<-b.named[0].running.Load().ended
}

func TestLibraries(t *testing.T) {
	missing := Library{Entry: Entry{Name: "none", Kind: soft}, unfit: token.ErrDriverMissing.With("library", "none"), Explicit: true}
	b := newBench(t, nil, softLibrary(t, "acme", "K1"), missing)
	states := b.Libraries(t.Context())
	if len(states) != 2 || states[0].Name != "acme" || states[0].Err != nil || states[0].Keys != 1 || !errors.Is(states[1].Err, token.ErrDriverMissing) {
		t.Errorf("%+v", states)
	}
}
