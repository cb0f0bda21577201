//go:build !linux

package main

import "syscall"

// bound is for Linux alone: elsewhere a child outlives a program that is killed.
func bound() *syscall.SysProcAttr { return nil }
