package agent

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/desk/token/softkey"
)

const locksVariable = "AGENT_TEST_LOCKS"

func TestMain(m *testing.M) {
	if locks := os.Getenv(locksVariable); locks != "" {
		if err := holdKey(locks); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// oneKey is a PC with one soft key.
func oneKey(locks string) (*Agent, error) {
	key, err := softkey.Open(locks + "/K1" + softkey.Extension)
	if err != nil {
		return nil, err
	}
	return New(Options{Keys: plugged{key}, Clock: certhall.SystemClock{}, Random: rand.Reader, Locks: locks}), nil
}

type plugged struct{ token.Key }

func (p plugged) List(context.Context) ([]token.Info, error)      { return []token.Info{p.Info()}, nil }
func (p plugged) Open(context.Context, string) (token.Key, error) { return p.Key, nil }

// holdKey is an operation of another process: it says that it is at the key,
// and goes on until it is told to end.
func holdKey(locks string) error {
	a, err := oneKey(locks)
	if err != nil {
		return err
	}
	return a.with(context.Background(), "K1", act{reads: true}, func(token.Key, token.Env) error {
		fmt.Println("at it")
		_, err := os.Stdin.Read(make([]byte, 1))
		return err
	})
}

// TestOneProcessAtAKey: while another process is in an operation, the key is
// busy; when that one dies, it is free.
func TestOneProcessAtAKey(t *testing.T) {
	dir := t.TempDir()
	if err := softkey.Create(dir+"/K1"+softkey.Extension, softkey.Options{Serial: "K1", PIN: "135790", Iterations: 1, Room: 2, Tries: 3}); err != nil {
		t.Fatal(err)
	}
	a, err := oneKey(dir)
	if err != nil {
		t.Fatal(err)
	}
	nothing := func(token.Key, token.Env) error { return nil }
	listed := func() *certhall.Error {
		t.Helper()
		all, err := a.List(t.Context())
		if err != nil || len(all) != 1 {
			t.Fatalf("%+v, %v", all, err)
		}
		return all[0].Trouble
	}
	if err := a.with(t.Context(), "K1", act{reads: true}, nothing); err != nil {
		t.Fatal(err)
	}
	if trouble := listed(); trouble != nil {
		t.Fatal(trouble)
	}

	other := exec.Command(os.Args[0])
	other.Env = append(os.Environ(), locksVariable+"="+dir)
	in, err := other.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := other.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	if said := bufio.NewScanner(out); !said.Scan() || said.Text() != "at it" {
		t.Fatalf("%q", said.Text())
	}
	if err := a.with(t.Context(), "K1", act{reads: true}, nothing); !errors.Is(err, token.ErrKeyBusy) {
		t.Errorf("an operation meanwhile: %v", err)
	}
	if trouble := listed(); trouble == nil || !trouble.Is(token.ErrKeyBusy) {
		t.Errorf("a listing meanwhile: %v", trouble)
	}
	if err := other.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = other.Wait() // killed
	if err := a.with(t.Context(), "K1", act{reads: true}, nothing); err != nil {
		t.Errorf("an operation afterwards: %v", err)
	}
	if trouble := listed(); trouble != nil {
		t.Errorf("a listing afterwards: %v", trouble)
	}
}
