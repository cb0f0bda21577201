package nativetest

import (
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

// Compile makes a library of testdata/NAME.c in a folder, and gives its path.
// On Windows there is no compiler: `make windows` has left testdata/NAME.dll.
func Compile(t testing.TB, folder, name string) string {
	t.Helper()
	if runtime.GOOS == "windows" {
		path, err := filepath.Abs(filepath.Join("testdata", name+".dll"))
		if err != nil {
			t.Fatal(err)
		}
		return path
	}
	so := filepath.Join(folder, name+".so")
	if out, err := exec.Command("gcc", "-shared", "-fPIC", "-o", so, filepath.Join("testdata", name+".c"), "-lpthread", "-ldl").CombinedOutput(); err != nil {
		t.Fatalf("gcc: %v\n%s", err, out)
	}
	return so
}
