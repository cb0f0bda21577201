//go:build cgo

package main

import "os"

// variable is one of the environment as it is at the moment. C sees what it was
// when its library was loaded, in a code page that cannot write every name.
func variable(name string) (value string, set bool) { return os.LookupEnv(name) }
