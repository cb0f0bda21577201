//go:build cgo

package main

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/emmansun/gmsm/sm2"

	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/desk/token/softkey"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/gm/skf"
)

// The library is tried by programs in C, as others would write them.

const (
	pin      = "Bright-1"
	adminPIN = "Admin-Bright-1"
)

// built is the library as it is shipped, built once, with its header beside it.
var built string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "libsoftkey")
	if err != nil {
		panic(err)
	}
	built = filepath.Join(dir, "libsoftkey.so")
	build := exec.Command("make", "-s", "-C", filepath.Join("..", ".."), "softkey", "LIBSOFTKEY="+built)
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	code := 1
	if err := build.Run(); err == nil {
		code = m.Run()
	}
	_ = os.RemoveAll(dir) // a leftover in the folder of temporary files at worst
	os.Exit(code)
}

// compile makes a program of testdata.
func compile(t *testing.T, name string, flags ...string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), name)
	args := append([]string{"-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-Wno-unused-function", "-g", "-O1", "-I" + filepath.Dir(built), "-o", out, filepath.Join("testdata", name+".c")}, flags...)
	if name != "foreign" {
		args = append(args, built, "-Wl,-rpath,"+filepath.Dir(built))
	}
	args = append(args, "-lpthread", "-ldl")
	if b, err := exec.Command(cc(), args...).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, b)
	}
	return out
}

func cc() string {
	if c := os.Getenv("CC"); c != "" {
		return c
	}
	return "gcc"
}

// plug makes a key in a folder of its own.
func plug(t *testing.T) (dir, path string) {
	t.Helper()
	dir = t.TempDir()
	path = filepath.Join(dir, "HT-1"+softkey.Extension)
	if err := softkey.Create(path, softkey.Options{
		Serial: "HT-2026-0001", Label: "HT", PIN: pin, AdminPIN: adminPIN, Room: 16, Tries: 3, Iterations: 1,
	}); err != nil {
		t.Fatal(err)
	}
	return dir, path
}

// command is a program that finds its keys in a folder.
func command(dir, program string, args ...string) *exec.Cmd {
	c := exec.Command(program, args...)
	c.Env = append(os.Environ(), "CERTHALL_SOFTKEYS="+dir, "ASAN_OPTIONS=detect_leaks=0", "TSAN_OPTIONS=halt_on_error=1")
	return c
}

// run runs it to its end; the library itself writes nothing.
func run(t *testing.T, dir, program string, args ...string) string {
	t.Helper()
	c := command(dir, program, args...)
	var told bytes.Buffer
	c.Stderr = &told
	out, err := c.Output()
	if err != nil || told.Len() > 0 {
		t.Fatalf("%s: %v\n%s", filepath.Base(program), err, told.Bytes())
	}
	return string(out)
}

// sanitizers are the ways in which programs are built. The runtime of Go knows
// neither sanitizer: what they watch is the C side, its memory and its threads.
var sanitizers = map[string][]string{
	"plain":   nil,
	"address": {"-fsanitize=address,undefined", "-fno-sanitize-recover=all"},
	"thread":  {"-fsanitize=thread"},
}

// TestLife: a whole client's life, and what came of it, looked at from inside.
func TestLife(t *testing.T) {
	for name, flags := range sanitizers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			program := compile(t, "life", flags...)
			dir, path := plug(t)
			escrowed, err := sm2.GenerateKey(rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			number := func(b []byte) string { return hex.EncodeToString(b) }
			blob, err := skf.Standard.PublicKey(&escrowed.PublicKey)
			if err != nil {
				t.Fatal(err)
			}
			d := skf.Standard.PrivateKey(escrowed)
			told := facts(t, run(t, dir, program, pin, adminPIN, number(d[36:]), number(blob[36:68]), number(blob[100:])))
			if string(told["serial"]) != "HT-2026-0001" {
				t.Errorf("serial %q", told["serial"])
			}
			public, err := skf.Standard.ParsePublicKey(told["public"])
			if err != nil {
				t.Fatal(err)
			}
			signature, err := skf.ParseSignature(told["signature"])
			if err != nil {
				t.Fatal(err)
			}
			if err := gm.Verify(public, []byte("a message"), signature); err != nil {
				t.Error("the signature with Z:", err)
			}
			inside(t, path, public, escrowed)
		})
	}
}

// facts reads the lines that life prints.
func facts(t *testing.T, out string) map[string][]byte {
	t.Helper()
	told := map[string][]byte{}
	for s := bufio.NewScanner(strings.NewReader(out)); s.Scan(); {
		name, value, _ := strings.Cut(s.Text(), " ")
		b, err := hex.DecodeString(value)
		if err != nil {
			t.Fatal(err)
		}
		told[name] = b
	}
	return told
}

// inside opens the key in this process: what the C interface wrote is there, and
// both pairs work.
func inside(t *testing.T, path string, public any, escrowed *sm2.PrivateKey) {
	t.Helper()
	ctx := t.Context()
	k, err := softkey.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Login(ctx, pin); err != nil {
		t.Fatal(err)
	}
	c, err := k.Container(ctx, "one")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := c.PublicKey(ctx, token.Signing); err != nil || !gm.SameKey(got, public) {
		t.Error("another signing key", err)
	}
	if der, err := c.Certificate(ctx, token.Encryption); err != nil || string(der) != "encryption certificate" {
		t.Errorf("%q, %v", der, err)
	}
	sealed, err := gm.Seal(rand.Reader, &escrowed.PublicKey, []byte("nonce"))
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := c.Decrypt(ctx, sealed); err != nil || string(plain) != "nonce" {
		t.Errorf("%q, %v", plain, err)
	}
}

// filled is a key with one signing pair and its certificate, written in this
// process.
func filled(t *testing.T) (dir string) {
	t.Helper()
	dir, path := plug(t)
	ctx := t.Context()
	k, err := softkey.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Login(ctx, pin); err != nil {
		t.Fatal(err)
	}
	c, err := k.Create(ctx, "one")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.GenerateSigningKey(ctx, gm.SM2); err != nil {
		t.Fatal(err)
	}
	if err := c.ImportCertificate(ctx, token.Signing, []byte("a certificate")); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestForeign: a program in other people's style.
func TestForeign(t *testing.T) {
	for _, name := range []string{"plain", "address"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(t, filled(t), compile(t, "foreign", sanitizers[name]...), built, pin)
		})
	}
}

// TestHabits: what other people's programs were seen to do.
func TestHabits(t *testing.T) {
	for _, name := range []string{"plain", "address"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(t, filled(t), compile(t, "habits", sanitizers[name]...), pin)
		})
	}
}

// TestThreads: many threads at once.
func TestThreads(t *testing.T) {
	for name, flags := range sanitizers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, path := plug(t)
			run(t, dir, compile(t, "threads", flags...), pin)
			k, err := softkey.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			if names, err := k.Containers(t.Context()); err != nil || len(names) != 1 {
				t.Error(names, err)
			}
		})
	}
}

// TestHostile: a caller that does everything wrong.
func TestHostile(t *testing.T) {
	for name, flags := range sanitizers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, _ := plug(t)
			args := []string{pin}
			if name == "plain" { // a sanitizer takes memory that is not there for itself
				args = append(args, "memory")
			}
			run(t, dir, compile(t, "hostile", flags...), args...)
		})
	}
}

// TestProcesses: LockDev keeps other processes out, and nothing that one writes
// is lost by another.
func TestProcesses(t *testing.T) {
	const processes, rounds = 3, 40
	program := compile(t, "counter")
	dir, path := plug(t)
	ctx := t.Context()
	k, err := softkey.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Login(ctx, pin); err != nil {
		t.Fatal(err)
	}
	if err := k.CreateFile(ctx, softkey.FileInfo{Name: "count", Size: 4, Read: softkey.User, Write: softkey.User}); err != nil {
		t.Fatal(err)
	}
	var running []*exec.Cmd
	var begin []io.Closer
	for range processes {
		c := command(dir, program, pin, fmt.Sprint(rounds))
		c.Stderr = os.Stderr
		in, err := c.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		if said, err := bufio.NewReader(out).ReadString('\n'); err != nil {
			t.Errorf("%q, %v", said, err)
		}
		running, begin = append(running, c), append(begin, in)
	}
	for _, in := range begin {
		if err := in.Close(); err != nil {
			t.Error(err)
		}
	}
	for _, c := range running {
		if err := c.Wait(); err != nil {
			t.Error(err)
		}
	}
	if b, err := k.ReadFile(ctx, "count", 0, 4); err != nil || b[0] != processes*rounds {
		t.Errorf("%d counted, want %d (%v)", b, processes*rounds, err)
	}
}
