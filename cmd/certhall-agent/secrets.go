package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/certhall/certhall/desk/courier"
	"github.com/certhall/certhall/desk/token"
)

// secrets are PINs and codes that came in already. They come by prompt or file
// descriptor, never as an argument or from the environment.
type secrets struct {
	pin   *string
	lines map[int]*bufio.Reader // of descriptors
	mark  int64                 // length of --code-file before the code was sent

	newPINFD int // of --new-pin-fd; -1: it is asked for
}

// longestLine bounds what is read of a descriptor, in bytes.
const longestLine = 4096

func (s *shell) interactive() bool { return term.IsTerminal(int(s.in.Fd())) }

// pinFromFD gives the PIN of --pin-fd; ok is false where there is none.
func (s *shell) pinFromFD() (pin string, ok bool, err error) {
	if s.PinFD < 0 {
		return "", false, nil
	}
	if s.secrets.pin == nil {
		line, err := s.nextLine(s.PinFD)
		if err != nil {
			return "", true, err
		}
		s.secrets.pin = &line
	}
	return *s.secrets.pin, true, nil
}

// nextLine reads a descriptor's next line; several secrets may come by one.
// Windows gives programs no descriptors but the standard ones: there 0 is the one to use.
func (s *shell) nextLine(fd int) (string, error) {
	r := s.secrets.lines[fd]
	if r == nil {
		file := s.in
		if fd != 0 {
			file = os.NewFile(uintptr(fd), "secret")
		}
		r = bufio.NewReader(io.LimitReader(file, longestLine))
		if s.secrets.lines == nil {
			s.secrets.lines = map[int]*bufio.Reader{}
		}
		s.secrets.lines[fd] = r
	}
	line, err := r.ReadString('\n')
	line = strings.TrimRight(line, "\r\n")
	if line == "" {
		return "", token.ErrPINNeeded.Because(err)
	}
	return line, nil
}

// prompt asks for a secret without showing it.
func (s *shell) prompt(text string) (string, error) {
	if !s.interactive() {
		return "", token.ErrPINNeeded.Becausef("no terminal and no descriptor")
	}
	fmt.Fprint(s.err, text)
	line, err := s.untilInterrupted(func() (string, error) {
		line, err := term.ReadPassword(int(s.in.Fd()))
		return string(line), err
	})
	fmt.Fprintln(s.err)
	if err != nil {
		return "", errInterrupted.Because(err) // the terminal was closed
	}
	return line, nil
}

// untilInterrupted gives up a read that Ctrl-C cannot end, because the signal
// only ends the context, and gives the terminal back as it was.
func (s *shell) untilInterrupted(read func() (string, error)) (string, error) {
	type result struct {
		line string
		err  error
	}
	fd := int(s.in.Fd())
	before, stateErr := term.GetState(fd)
	typed := make(chan result, 1)
	go func() {
		line, err := read()
		typed <- result{line, err}
	}()
	select {
	case r := <-typed:
		return r.line, r.err
	case <-s.ctx.Done():
		if stateErr == nil {
			stateErr = term.Restore(fd, before)
		}
		return "", errors.Join(s.ctx.Err(), stateErr)
	}
}

// ask asks for a line that may be seen.
func (s *shell) ask(text string) (string, error) {
	fmt.Fprint(s.err, text)
	line, err := s.untilInterrupted(func() (string, error) {
		return bufio.NewReader(io.LimitReader(s.in, longestLine)).ReadString('\n')
	})
	if err != nil && line == "" {
		return "", errInterrupted.Because(err)
	}
	return strings.TrimSpace(line), nil
}

// sixDigits stand alone: not a part of a phone number.
var sixDigits = regexp.MustCompile(`(?:^|\D)(\d{6})(?:\D|$)`)

// codeFromFile waits until a code was added to the file.
func (s *shell) codeFromFile(ctx context.Context, path string) (string, error) {
	const look, patience = 200 * time.Millisecond, 2 * time.Minute
	for waited := time.Duration(0); waited < patience; waited += look {
		data, err := os.ReadFile(path)
		if err != nil && !os.IsNotExist(err) {
			return "", errFile.With("file", path).Because(err)
		}
		fresh := data[min(s.secrets.mark, int64(len(data))):]
		if found := sixDigits.FindAllSubmatch(fresh, -1); found != nil {
			s.secrets.mark = int64(len(data))
			return string(found[len(found)-1][1]), nil
		}
		if err := courier.Sleep(ctx, look); err != nil {
			return "", err
		}
	}
	return "", errNoCode.With("file", path)
}
