//go:build cgo

// Command softkey is libsoftkey: the soft keys of a folder behind the C
// functions of SKF (GM/T 0016-2012, skf.h), for programs that load a maker's
// library. It is built as a shared library (`make build`) and is the only
// package with C in it. Here memory is carried in and out and nothing else is
// done; what the functions do is in desk/token/softkey/library. Without a C
// compiler the package has no files.
package main

import (
	"os"
	"path/filepath"
	"sync"

	"github.com/certhall/certhall/desk/token/softkey"
	"github.com/certhall/certhall/desk/token/softkey/library"
)

func main() {}

// lib is made at the first call. CERTHALL_SOFTKEYS names the folder of the keys;
// without it they lie where the agent has them.
var lib = sync.OnceValue(func() *library.Library {
	keys, named := variable("CERTHALL_SOFTKEYS")
	if dir, err := os.UserConfigDir(); err == nil && !named {
		keys = filepath.Join(dir, "certhall", "keys")
	}
	return library.New(library.Options{Folder: softkey.Folder(keys)})
})
