package audit

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"sync"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority/status"
	"github.com/certhall/certhall/gm"
)

// publicLife is how long an answer counts, here and in caches in between.
const publicLife = 5 * time.Second

// Published is a checkpoint as /audit/checkpoint gives it. Only Checkpoint
// counts: it holds, signed, what the plain fields tell.
type Published struct {
	Authority  string    `json:"authority"`
	Number     int64     `json:"number"` // of the last record covered
	Hash       string    `json:"hash"`   // hexadecimal
	Time       time.Time `json:"time"`
	Checkpoint []byte    `json:"checkpoint"` // DER of proof.Signed
}

func publish(authority string, c Checkpoint) Published {
	return Published{authority, c.Number, hex.EncodeToString(c.Hash), c.At.UTC(), c.Signed}
}

// Encode writes a checkpoint as /audit/checkpoint does.
func (c Checkpoint) Encode(authority string) ([]byte, error) {
	text, err := json.MarshalIndent(publish(authority, c), "", "  ")
	return append(text, '\n'), err
}

// Shelf has the last checkpoint, as /audit/checkpoint gives it.
type Shelf struct {
	Store     CheckpointStore
	Authority string
	Clock     certhall.Clock

	mu    sync.Mutex
	last  Checkpoint
	asked time.Time
}

// Find gives the last checkpoint; nil before the first one. There is one name.
func (s *Shelf) Find(ctx context.Context, name string) (*status.Document, error) {
	if name != "checkpoint" {
		return nil, nil
	}
	c, err := s.checkpoint(ctx)
	if err != nil || c.Number == 0 {
		return nil, err
	}
	text, err := c.Encode(s.Authority)
	if err != nil {
		return nil, err
	}
	return &status.Document{Content: bytes.NewReader(text), ETag: `"` + hex.EncodeToString(gm.SM3(text)[:16]) + `"`,
		Modified: c.At, MaxAge: publicLife}, nil
}

// checkpoint asks the database every few seconds at most.
func (s *Shelf) checkpoint(ctx context.Context) (Checkpoint, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.Clock.Now()
	if age := now.Sub(s.asked); s.last.Number > 0 && age >= 0 && age < publicLife {
		return s.last, nil
	}
	end, err := s.Store.End(ctx)
	if err != nil {
		return Checkpoint{}, err
	}
	s.last, s.asked = end.Last, now
	return s.last, nil
}
