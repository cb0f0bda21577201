//go:build !windows

package native

import "github.com/ebitengine/purego"

func load(path string) (uintptr, error) {
	// Lazy: some libraries name functions that are nowhere and that nobody calls.
	return purego.Dlopen(path, purego.RTLD_LAZY|purego.RTLD_LOCAL)
}

func symbol(module uintptr, fn string) (uintptr, error) { return purego.Dlsym(module, fn) }
