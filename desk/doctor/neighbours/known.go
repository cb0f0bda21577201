package neighbours

import (
	_ "embed"
	"path"
	"strings"

	"github.com/BurntSushi/toml"
)

// Program is what is known of a program that reaches for keys.
type Program struct {
	Names    map[string]string `toml:"names"`    // by language: zh-CN, en
	Files    []string          `toml:"files"`    // patterns of the names of its files and libraries
	Stop     string            `toml:"stop"`     // how a person ends it: tray, close, service
	Harmless bool              `toml:"harmless"` // it shares keys with others
}

//go:embed known.toml
var table string

var known = func() []Program {
	var t struct{ Program []Program }
	if _, err := toml.Decode(table, &t); err != nil {
		panic("neighbours: " + err.Error())
	}
	return t.Program
}()

// knownBy is the table's entry that fits one of these file names, or nil.
func knownBy(files ...string) *Program {
	for i, p := range known {
		for _, pattern := range p.Files {
			for _, file := range files {
				if fits(pattern, file) {
					return &known[i]
				}
			}
		}
	}
	return nil
}

func fits(pattern, file string) bool {
	ok, err := path.Match(strings.ToLower(pattern), strings.ToLower(file))
	return err == nil && ok
}

// library tells whether a file's name is that of a library through which a
// known program reaches keys.
func library(file string) bool {
	name := strings.ToLower(file)
	return (strings.HasSuffix(name, ".dll") || strings.Contains(name, ".so")) && knownBy(name) != nil
}
