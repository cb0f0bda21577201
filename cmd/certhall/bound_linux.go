package main

import "syscall"

// bound keeps a child from outliving this program, however that ends, and the
// terminal's Ctrl-C from reaching it before this program.
func bound() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM, Setpgid: true}
}
