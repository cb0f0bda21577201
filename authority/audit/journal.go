package audit

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/durable"
)

// JournalName is the name of the checkpoints' journal in the state folder.
const JournalName = "checkpoints.journal"

// ErrJournal says that a journal's line cannot be read. (The last line may be
// torn by a power cut: that is no error.)
var ErrJournal = certhall.NewError("journal-damaged", certhall.Invalid)

// Entry is a line of the journal: a checkpoint, and every serial that was
// given away since the line before it, by the name of its issuer. Whoever
// restores the database from an old backup learns here which serials existed.
type Entry struct {
	Checkpoint
	Serials map[string][]certhall.Serial
}

// line is an Entry as it is written.
type line struct {
	Number     int64                        `json:"number"`
	Hash       string                       `json:"hash"` // hexadecimal
	Time       time.Time                    `json:"time"`
	Serials    map[string][]certhall.Serial `json:"serials,omitempty"`
	Checkpoint []byte                       `json:"checkpoint"`
}

func (e Entry) encode() ([]byte, error) {
	text, err := json.Marshal(line{e.Number, hex.EncodeToString(e.Hash), e.At.UTC(), e.Serials, e.Signed})
	return append(text, '\n'), err
}

func decodeEntry(text []byte) (Entry, error) {
	var l line
	if err := json.Unmarshal(text, &l); err != nil {
		return Entry{}, err
	}
	hash, err := hex.DecodeString(l.Hash)
	if err != nil || l.Number < 1 || len(hash) == 0 || len(l.Checkpoint) == 0 {
		return Entry{}, errors.New("audit: fields are missing in a journal's line")
	}
	return Entry{Checkpoint{Number: l.Number, Hash: hash, At: l.Time, Signed: l.Checkpoint}, l.Serials}, nil
}

// ReadJournal gives the journal's entries in order. Signatures are not checked
// here (Notarized does). A torn last line is left out; any other that cannot
// be read ends it with ErrJournal.
func ReadJournal(r io.Reader) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		lines := bufio.NewReader(r)
		for n := int64(1); ; n++ {
			text, err := lines.ReadBytes('\n')
			if err == io.EOF {
				return // nothing, or a line without its end
			}
			if err != nil {
				yield(Entry{}, err)
				return
			}
			e, err := decodeEntry(text)
			if err != nil {
				if _, next := lines.Peek(1); next == io.EOF {
					return // torn: the end was written, what is before it was not
				}
				yield(Entry{}, ErrJournal.With("line", numbered(n)).Because(err))
				return
			}
			if !yield(e, nil) {
				return
			}
		}
	}
}

// Journal appends checkpoints to a file beside the database. One process
// writes it.
type Journal struct {
	Path string

	known bool       // last and size are the file's
	torn  bool       // what is behind size is to go
	last  Checkpoint // of the last whole line
	size  int64      // up to the end of that
}

// Last is the checkpoint of the last whole line; zero of an empty journal or
// one that is not there yet.
func (j *Journal) Last() (Checkpoint, error) {
	info, err := os.Stat(j.Path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Checkpoint{}, err
	}
	var size int64
	if err == nil {
		size = info.Size()
	}
	if j.known && (size == j.size || j.torn) {
		return j.last, nil
	}
	return j.last, j.read()
}

// read finds the end of the last whole line.
func (j *Journal) read() error {
	j.known, j.torn, j.last, j.size = false, false, Checkpoint{}, 0
	file, err := os.Open(j.Path)
	if errors.Is(err, fs.ErrNotExist) {
		j.known = true
		return nil
	}
	if err != nil {
		return err
	}
	defer file.Close()
	counted := &counter{Reader: file}
	lines := bufio.NewReader(counted)
	for {
		text, err := lines.ReadBytes('\n')
		if err == io.EOF {
			j.torn = j.torn || len(text) > 0
			j.known = true
			return nil
		}
		if err != nil {
			return err
		}
		if j.torn {
			return ErrJournal.With("file", j.Path).With("line", "?")
		}
		e, err := decodeEntry(text)
		if err != nil {
			j.torn = true // if it is the last
			continue
		}
		j.last, j.size = e.Checkpoint, counted.n-int64(lines.Buffered())
	}
}

// counter counts what was read.
type counter struct {
	io.Reader
	n int64
}

func (c *counter) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	c.n += int64(n)
	return n, err
}

// Append adds a line and returns once it is durable. After an error nothing of
// it stands, or will not once the next one is appended.
func (j *Journal) Append(e Entry) (err error) {
	if _, err := j.Last(); err != nil {
		return err
	}
	text, err := e.encode()
	if err != nil {
		return err
	}
	file, err := os.OpenFile(j.Path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if j.torn {
		if err := file.Truncate(j.size); err != nil {
			return err
		}
		j.torn = false
	}
	_, err = file.WriteAt(text, j.size)
	if err == nil {
		err = file.Sync()
	}
	if err == nil && j.size == 0 {
		err = durable.SyncDir(filepath.Dir(j.Path))
	}
	if err != nil {
		j.torn = true // also where the file is whole: whether it is durable nobody knows
		return err
	}
	j.last, j.size = e.Checkpoint, j.size+int64(len(text))
	return nil
}
