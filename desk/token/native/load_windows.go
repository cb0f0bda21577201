package native

import "golang.org/x/sys/windows"

func load(path string) (uintptr, error) {
	// Its own folder is searched for the libraries that it needs.
	h, err := windows.LoadLibraryEx(path, 0, windows.LOAD_WITH_ALTERED_SEARCH_PATH)
	return uintptr(h), err
}

func symbol(module uintptr, fn string) (uintptr, error) {
	return windows.GetProcAddress(windows.Handle(module), fn)
}
