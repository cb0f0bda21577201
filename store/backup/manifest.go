// Package backup copies both databases and the state folder's files into one
// archive while the server runs, and makes them anew from it. The copy is a
// logical one (tables as rows), so that an archive taken from SQLite can be
// restored into PostgreSQL and the other way round, and by every later release.
//
// An archive is a gzipped tar: files as files/NAME, rows as
// STORE/TABLE/NUMBER.jsonl (a head line with the columns, then one JSON array a
// row), and at the very end manifest.json with a digest of everything. What
// breaks off before has no manifest and is no archive.
//
// The hall's state is taken before the authority's: what the hall has heard
// the authority has already done, never the other way round. The job queue's
// tables stay out: what a case owes follows from the case.
package backup

import (
	"strings"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/store/sqldb"
)

// Format is the version of the archive's form.
const Format = 1

// Names of the stores in an archive.
const (
	Hall      = "hall"
	Authority = "authority"
)

// What taking, reading and restoring answer beside success.
var (
	ErrDamaged    = certhall.NewError("backup-damaged", certhall.Invalid)      // file, where
	ErrNewer      = certhall.NewError("backup-newer", certhall.Invalid)        // made by a later release
	ErrExists     = certhall.NewError("backup-exists", certhall.Conflict)      // file
	ErrWrite      = certhall.NewError("backup-not-written", certhall.Internal) // file
	ErrNotEmpty   = certhall.NewError("restore-not-empty", certhall.Conflict)  // where
	ErrUnfinished = certhall.NewError("restore-unfinished", certhall.Conflict)
)

// Manifest says what an archive holds.
type Manifest struct {
	Format  int               `json:"format"`
	ID      string            `json:"id"`       // of this archive
	Program string            `json:"program"`  // version that made it
	TakenAt time.Time         `json:"taken_at"` // when the first store was read
	Keys    bool              `json:"keys"`     // secret files are among Files
	Stores  map[string]Stored `json:"stores"`
	Files   []File            `json:"files"`
	LeftOut []string          `json:"left_out,omitempty"` // files of the state folder that are not in it
}

// Stored is one store in an archive.
type Stored struct {
	Schema int64   `json:"schema"` // version of the migrations
	Chain  *Chain  `json:"chain,omitempty"`
	Tables []Table `json:"tables"`
}

// Chain is the end of the authority's record in the archive.
type Chain struct {
	Seq  int64  `json:"seq"`
	Hash string `json:"hash"` // hexadecimal; "" at 0
}

// Table is one table in an archive. The digest is over its lines as they stand
// in the archive.
type Table struct {
	sqldb.Table
	Rows   int64  `json:"rows"`
	SHA256 string `json:"sha256"`
}

// File is one file of the state folder.
type File struct {
	Name   string `json:"name"` // with slashes, from the state folder
	Mode   uint32 `json:"mode"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// Rows counts all rows of a store.
func (s Stored) Rows() (n int64) {
	for _, t := range s.Tables {
		n += t.Rows
	}
	return n
}

// Table finds a table; nil if there is none of the name.
func (s Stored) Table(name string) *Table {
	for i := range s.Tables {
		if s.Tables[i].Name == name {
			return &s.Tables[i]
		}
	}
	return nil
}

// kept tells which tables are copied: not those that keep count of migrations,
// not the job queue's, and no CRLs: a restored authority makes a new one at
// once, and never serves one that was replaced long ago.
func kept(table string) bool {
	return table != sqldb.SchemaTable && table != unfinished && table != "crls" && table != "crl_parts" && !strings.HasPrefix(table, "river_")
}
