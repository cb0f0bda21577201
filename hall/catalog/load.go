package catalog

import (
	"errors"
	"io"
	"io/fs"
	"path"
	"strconv"

	"github.com/certhall/certhall"
)

// largestFile bounds the file of a catalogue, in bytes.
const largestFile = 4 << 20

// ErrFile says that the file of a catalogue cannot be read.
var ErrFile = certhall.NewError("catalog-file", certhall.Invalid)

// Draft is a catalogue that was read from a file, sound, with its pictures.
// Its version is the one that it was made from.
type Draft struct {
	Catalog  *Catalog
	Pictures []Picture // each once
}

// Load reads a file with the pictures beside it. All that is wrong is answered
// at once, as Faults.
func Load(files fs.FS, name string, l Limits) (*Draft, error) {
	text, err := read(files, name, largestFile)
	if err != nil {
		return nil, ErrFile.With("file", name).Because(err)
	}
	c, f := parse(text)
	if len(f.found) > 0 && len(c.Projects)+len(c.Brands)+len(c.Offers) == 0 {
		return nil, f.found // it is no TOML: there is nothing to look through
	}
	d := &Draft{Catalog: c}
	d.pictures(files, path.Dir(name), f)
	check(c, l, f)
	return d, f.found.sorted()
}

// pictures reads those that the catalogue names; what is wrong with one is told
// where it is named first.
func (d *Draft) pictures(files fs.FS, dir string, f *faults) {
	d.Catalog.Pictures = map[string]string{}
	known := map[string]bool{}
	one := func(at place, code, name string) {
		if _, seen := d.Catalog.Pictures[name]; seen || name == "" {
			return
		}
		body, err := read(files, path.Join(dir, name), largestPicture)
		p, what := pictureOf(body)
		switch {
		case !fs.ValidPath(name):
			what = "picture-path"
		case errors.Is(err, errTooLarge):
			what = "picture-large"
		case err != nil:
			return // it is missing: Check tells everywhere
		}
		d.Catalog.Pictures[name] = p.Digest
		if what != "" {
			d.Catalog.Pictures[name] = "wrong"
			f.at(at, code, "picture", what, "value", name, "limit", strconv.Itoa(largestPicture>>10), "points", strconv.Itoa(widestPicture))
			return
		}
		if !known[p.Digest] {
			known[p.Digest] = true
			d.Pictures = append(d.Pictures, p)
		}
	}
	for i, p := range d.Catalog.Projects {
		one(place{"project", i + 1, 0}, p.Code, p.Picture)
	}
	for i, b := range d.Catalog.Brands {
		one(place{"brand", i + 1, 0}, b.Code, b.Picture)
	}
}

var errTooLarge = errors.New("catalog: the file is too large")

func read(files fs.FS, name string, largest int64) ([]byte, error) {
	file, err := files.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, largest+1))
	if err == nil && int64(len(data)) > largest {
		err = errTooLarge
	}
	return data, err
}
