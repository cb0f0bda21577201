package driverhost

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// register adds SKF libraries that their makers' installers have told Windows
// of, if the table has not found them. By an entry with on_request the
// table keeps one out.
func (t Table) register(found []Library, files []string, p place) []Library {
	for _, file := range files {
		name := strings.ToLower(base(file))
		e := Entry{Name: slug(name), Kind: SKF}
		if at := slices.IndexFunc(t, func(e Entry) bool { return e.Kind == SKF && e.knows(name) }); at >= 0 {
			e = t[at]
		}
		e.Paths = map[string][]string{p.os: {file}}
		if e.OnRequest != nil && *e.OnRequest || slices.ContainsFunc(found, func(l Library) bool {
			return l.Name == e.Name || strings.EqualFold(base(l.Path), name)
		}) {
			continue
		}
		if l := p.find(e); l.Path != "" {
			found = append(found, l)
		}
	}
	return found
}

// slug is an entry's name made from a file's.
func slug(file string) string {
	s := strings.TrimSuffix(file, filepath.Ext(file))
	s = strings.Trim(regexp.MustCompile(`[^a-z0-9]+`).ReplaceAllString(s, "-"), "-")
	return s[:min(len(s), 32)]
}

// expand replaces %NAME% by the variable, as values in the registry have it.
func expand(s string, env func(string) string) string {
	return regexp.MustCompile(`%([^%]+)%`).ReplaceAllStringFunc(s, func(m string) string { return env(m[1 : len(m)-1]) })
}

// files keeps the paths that are whole or a file's name alone, with their
// variables replaced.
func files(values []string) []string {
	var all []string
	for _, v := range values {
		v = strings.Trim(expand(v, os.Getenv), "\" \x00")
		if v != "" && (absolute(v) || !strings.ContainsAny(v, `/\`)) && !strings.ContainsAny(v, "*?[") {
			all = append(all, filepath.FromSlash(v))
		}
	}
	return all
}
