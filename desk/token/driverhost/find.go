package driverhost

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/certhall/certhall/desk/token"
)

// Library is one that this agent uses.
type Library struct {
	Entry
	Path     string // of the file; "" if there is none
	Explicit bool   // it was named: it goes before the folder of soft keys
	unfit    error  // why the file cannot be loaded into this program
}

// place is where libraries are looked for.
type place struct {
	os, arch string
	beside   string   // the program's folder
	system   []string // the system's folders of libraries
	env      func(string) string
}

func here() place {
	p := place{os: runtime.GOOS, arch: runtime.GOARCH, env: os.Getenv}
	if self, err := os.Executable(); err == nil {
		p.beside = filepath.Dir(self)
	}
	if p.os == "windows" {
		root := os.Getenv("SystemRoot")
		p.system = []string{filepath.Join(root, "System32"), filepath.Join(root, "SysWOW64")}
	} else {
		p.system = []string{"/usr/local/lib", "/usr/lib64", "/usr/lib/*-linux-gnu", "/usr/lib", "/lib64", "/lib"}
	}
	return p
}

// Found are the libraries of the table that lie on this machine, without those
// that are used on request only, and SKF libraries that are registered here.
func (t Table) Found() []Library {
	var found []Library
	for _, e := range t {
		if e.OnRequest != nil && *e.OnRequest {
			continue
		}
		if l := here().find(e); l.Path != "" {
			found = append(found, l)
		}
	}
	return t.register(found, registered(), here())
}

// Named is a library as --library names it: KIND:PATH or NAME:PATH, or NAME of
// one in the table. By KIND, the entry in which a file of this name stands tells
// the quirks. ErrTable.
func (t Table) Named(s string) (Library, error) {
	name, path, hasPath := strings.Cut(s, ":")
	at := slices.IndexFunc(t, func(e Entry) bool { return e.Name == name })
	switch {
	case at >= 0 && !hasPath:
		l := here().find(t[at])
		l.Explicit = true
		return l, nil
	case at < 0 && name != SKF && name != PKCS11, path == "":
		return Library{}, ErrTable.With("file", s).With("cause", "KIND:PATH, NAME:PATH or NAME; KIND is skf or pkcs11")
	case at < 0:
		at = slices.IndexFunc(t, func(e Entry) bool { return e.Kind == name && e.knows(filepath.Base(path)) })
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return Library{}, ErrTable.With("file", s).With("cause", err.Error())
	}
	l := Library{Entry: Entry{Name: strings.TrimSuffix(filepath.Base(path), filepath.Ext(path)), Kind: name}, Path: path, Explicit: true}
	if at >= 0 {
		l.Entry = t[at]
	}
	l.unfit = fits(path, runtime.GOOS, runtime.GOARCH, l.Name)
	return l, nil
}

// knows tells whether a file of this name, in whatever case, is one of the entry's.
func (e Entry) knows(file string) bool {
	for _, paths := range e.Paths {
		for _, p := range paths {
			if ok, err := filepath.Match(strings.ToLower(base(p)), strings.ToLower(file)); ok && err == nil {
				return true
			}
		}
	}
	return false
}

// base is the last part of a path of any platform.
func base(p string) string { return p[strings.LastIndexAny(p, `/\`)+1:] }

// find looks for the entry's file: the first that fits, else the first there is.
func (p place) find(e Entry) Library {
	l := Library{Entry: e}
	for _, candidate := range p.candidates(e) {
		err := fits(candidate, p.os, p.arch, e.Name)
		if err == nil {
			return Library{Entry: e, Path: candidate}
		}
		if l.Path == "" {
			l.Path, l.unfit = candidate, err
		}
	}
	if l.Path == "" {
		l.unfit = token.ErrDriverMissing.With("library", e.Name)
	}
	return l
}

// candidates are the files that there are.
func (p place) candidates(e Entry) []string {
	var patterns []string
	for _, path := range slices.Concat(e.Paths[p.os+"/"+p.arch], e.Paths[p.os]) {
		if strings.ContainsAny(path, `/\`) {
			patterns = append(patterns, filepath.FromSlash(os.Expand(path, p.env))) // Windows loads by backslashes alone
			continue
		}
		for _, dir := range slices.Concat([]string{p.beside}, p.system) {
			patterns = append(patterns, filepath.Join(dir, path))
		}
	}
	var files []string
	for _, pattern := range patterns {
		matches, _ := filepath.Glob(pattern) // its form was checked when the table was read
		slices.Reverse(matches)              // sorted by name: the newest version first
		for _, m := range matches {
			if info, err := os.Stat(m); err == nil && !info.IsDir() && !slices.Contains(files, m) {
				files = append(files, m)
			}
		}
	}
	return files
}
