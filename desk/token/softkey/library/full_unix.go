//go:build !windows

package library

import "syscall"

// full is how the system says that the disk is full.
var full = []error{syscall.ENOSPC, syscall.EDQUOT}
