package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/term"

	"github.com/certhall/certhall"
)

// The ways a passphrase comes in: a file descriptor, a systemd credential, a
// prompt. Never an argument, the environment or a configuration file.
var (
	errPassphraseMissing = certhall.NewError("passphrase-missing", certhall.Invalid)
	errPassphraseShort   = certhall.NewError("passphrase-short", certhall.Invalid)
	errPassphraseDiffers = certhall.NewError("passphrase-differs", certhall.Invalid)
)

// credential is the systemd credential's name (LoadCredential=certhall-passphrase:…).
const credential = "certhall-passphrase"

// shortestPassphrase is how many bytes a new passphrase has at least.
const shortestPassphrase = 12

// longestPassphrase bounds what is read of a descriptor or credential.
const longestPassphrase = 4096

// passphraseFlags are shared by the commands that want one.
type passphraseFlags struct {
	PassphraseFD int `name:"passphrase-fd" default:"-1" help:"Read the passphrase from this file descriptor (first line)."`
}

// existing gives the passphrase of a key folder; nil if none is at hand, in
// which case a server starts sealed.
func (f passphraseFlags) existing(env *environment) ([]byte, error) {
	if dir := os.Getenv("CREDENTIALS_DIRECTORY"); dir != "" && f.PassphraseFD < 0 {
		data, err := os.ReadFile(filepath.Join(dir, credential))
		if err == nil {
			return firstLine(bytes.NewReader(data))
		}
		if !errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("read credential: %w", err)
		}
	}
	return f.typed(env, "cli.passphrase-existing")
}

// typed gives a passphrase by descriptor, or asks for it at a terminal by the
// text of a key; nil if neither is at hand.
func (f passphraseFlags) typed(env *environment, key string) ([]byte, error) {
	switch {
	case f.PassphraseFD >= 0:
		return readDescriptor(f.PassphraseFD)
	case !term.IsTerminal(int(os.Stdin.Fd())):
		return nil, nil
	}
	return prompt(env, key)
}

// fresh gives a new passphrase, asked for twice at a terminal by the text of a key.
func (f passphraseFlags) fresh(env *environment, key string) ([]byte, error) {
	var p []byte
	var err error
	switch {
	case f.PassphraseFD >= 0:
		p, err = readDescriptor(f.PassphraseFD)
	case term.IsTerminal(int(os.Stdin.Fd())):
		if p, err = prompt(env, key); err != nil {
			return nil, err
		}
		again, err := prompt(env, "cli.passphrase-again")
		if err != nil {
			return nil, err
		}
		if !bytes.Equal(p, again) {
			return nil, errPassphraseDiffers
		}
	default:
		return nil, errPassphraseMissing
	}
	if err == nil && len(p) < shortestPassphrase {
		err = errPassphraseShort.With("length", fmt.Sprint(shortestPassphrase))
	}
	return p, err
}

func readDescriptor(fd int) ([]byte, error) {
	file := os.NewFile(uintptr(fd), "passphrase")
	if file == nil {
		return nil, errPassphraseMissing
	}
	defer file.Close()
	p, err := firstLine(file)
	if err != nil {
		return nil, errPassphraseMissing.Because(err)
	}
	return p, nil
}

func firstLine(r io.Reader) ([]byte, error) {
	line, err := bufio.NewReader(io.LimitReader(r, longestPassphrase)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	line = strings.TrimRight(line, "\r\n")
	if line == "" {
		return nil, errPassphraseMissing
	}
	return []byte(line), nil
}

// prompt asks for a passphrase by the text of a key. A signal ends only the
// context, not the read: the read is left behind and the terminal given back.
func prompt(env *environment, key string) ([]byte, error) {
	fmt.Fprint(os.Stderr, env.text(key))
	defer fmt.Fprintln(os.Stderr)
	fd := int(os.Stdin.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return nil, fmt.Errorf("read passphrase: %w", err)
	}
	type result struct {
		passphrase []byte
		err        error
	}
	typed := make(chan result, 1)
	go func() {
		p, err := term.ReadPassword(fd)
		typed <- result{p, err}
	}()
	select {
	case <-env.ctx.Done():
		return nil, errors.Join(env.ctx.Err(), term.Restore(fd, before))
	case r := <-typed:
		if r.err != nil {
			return nil, fmt.Errorf("read passphrase: %w", r.err)
		}
		if len(r.passphrase) == 0 {
			return nil, nil
		}
		return r.passphrase, nil
	}
}
