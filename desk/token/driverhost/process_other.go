//go:build !linux && !windows

package driverhost

import (
	"os"
	"os/exec"
)

func bind(*exec.Cmd) {}

func kill(p *os.Process) error { return p.Kill() }

func bound(*os.Process) error { return nil }

func private(stdin, stdout *os.File) (in, out *os.File, err error) { return stdin, stdout, nil }
