package backup

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"strconv"

	"github.com/certhall/certhall/store/sqldb"
)

// Verify reads an archive from beginning to end and holds every digest and
// count against its manifest. ErrDamaged names the place.
func Verify(path string) (*Manifest, error) {
	tables := map[string]*counted{}
	files := map[string]string{}
	m, err := walk(path, visitor{
		file: func(name string, content []byte) error {
			files[name] = digest(content)
			return nil
		},
		chunk: func(store, table string, content []byte) error {
			t := tables[store+"/"+table]
			if t == nil {
				t = &counted{sum: sha256.New(), rows: -1} // the head
				tables[store+"/"+table] = t
			}
			t.sum.Write(content)
			t.rows += int64(bytes.Count(content, []byte("\n")))
			return nil
		},
	})
	if err != nil {
		return nil, err
	}
	damaged := func(where string, cause error) error {
		return ErrDamaged.With("file", path).With("where", where).Because(cause)
	}
	if m.Format > Format {
		return nil, ErrNewer.With("file", path).With("format", strconv.Itoa(m.Format))
	}
	if a, taken := m.Stores[Authority]; len(m.Stores) == 0 || taken && a.Chain == nil {
		return nil, damaged(manifestName, errors.New("it names no store, or no record"))
	}
	for name, s := range m.Stores {
		for _, t := range s.Tables {
			where := name + "/" + t.Name
			got := tables[where]
			if got == nil || got.rows != t.Rows || hex.EncodeToString(got.sum.Sum(nil)) != t.SHA256 {
				return nil, damaged(where, errors.New("other rows than the manifest says"))
			}
			delete(tables, where)
		}
	}
	for _, f := range m.Files {
		if files[f.Name] != f.SHA256 {
			return nil, damaged(f.Name, errors.New("another file than the manifest says"))
		}
		delete(files, f.Name)
	}
	for where := range tables {
		return nil, damaged(where, errors.New("the manifest does not name it"))
	}
	for where := range files {
		return nil, damaged(where, errors.New("the manifest does not name it"))
	}
	return m, nil
}

type counted struct {
	sum  hash.Hash
	rows int64
}

// headOf reads the first line of a table's first chunk.
func headOf(line []byte) (sqldb.Table, error) {
	var t sqldb.Table
	err := json.Unmarshal(line, &t)
	if err == nil && (t.Name == "" || len(t.Columns) == 0) {
		err = fmt.Errorf("a head without columns")
	}
	return t, err
}
