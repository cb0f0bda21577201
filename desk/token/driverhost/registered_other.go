//go:build !windows

package driverhost

// registered are none: other systems have no place to tell them.
func registered() []string { return nil }
