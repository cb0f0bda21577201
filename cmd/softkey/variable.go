//go:build cgo && !windows

package main

// #include <stdlib.h>
import "C"

import "unsafe"

// variable is one of the environment as C sees it: what the program set by
// setenv, os.LookupEnv does not see.
func variable(name string) (value string, set bool) {
	n := C.CString(name)
	defer C.free(unsafe.Pointer(n))
	if v := C.getenv(n); v != nil {
		return C.GoString(v), true
	}
	return "", false
}
