//go:build !linux && !windows

package driverhost

import (
	"os"
	"os/exec"
)

func bind(*exec.Cmd) {}

// family is the child alone.
type family struct{ *os.Process }

func together(p *os.Process) (family, error) { return family{p}, nil }

func (f family) kill() error { return f.Kill() }

func (family) release() {}

func private(stdin, stdout *os.File) (in, out *os.File, err error) { return stdin, stdout, nil }
