package agent

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/emmansun/gmsm/sm2"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/durable"
	"github.com/certhall/certhall/gm"
)

// ErrUnlockUnknown says that an answer is to no request of this agent: it was
// made on another PC, or another one was made since.
var ErrUnlockUnknown = certhall.NewError("unlock-unknown", certhall.NotFound)

// requestLives is how long a request may be answered: after that another one
// is made.
const requestLives = 24 * time.Hour

const keyLength = 32

// waiting is a request to unlock a key, in its file: one a key and authority.
// Only who is at the key reads and writes it.
type waiting struct {
	path string
	waits
}

// waits is what the file holds.
type waits struct {
	Request []byte    `json:"request,omitempty"` // proof.UnlockRequest, DER; nil where there is none
	Key     []byte    `json:"key,omitempty"`     // its private half, until the report is made
	Made    time.Time `json:"made"`
	// What was found at the key, so that no try is spent twice:
	Wrong   []int  `json:"wrong,omitempty"`   // candidates that do not open it
	Begun   bool   `json:"begun,omitempty"`   // the next PIN may lie on it
	Changed bool   `json:"changed,omitempty"` // the next PIN lies on it
	Outcome string `json:"outcome,omitempty"` // the key's part is over: as in proof.UnlockReport
	Tried   int    `json:"tried,omitempty"`
	Report  []byte `json:"report,omitempty"` // signed, DER
}

// waiting reads what waits for an authority's answer.
func (a *Agent) waiting(authority, keySerial string) (*waiting, error) {
	if a.waits == "" {
		return nil, certhall.ErrInternal.Becausef("no folder for requests to unlock")
	}
	if err := os.MkdirAll(a.waits, 0o700); err != nil {
		return nil, certhall.ErrInternal.Because(err)
	}
	name := hex.EncodeToString(gm.SM3([]byte(authority + "\n" + keySerial))[:16]) + ".json"
	w := &waiting{path: filepath.Join(a.waits, name)}
	data, err := os.ReadFile(w.path)
	if errors.Is(err, fs.ErrNotExist) {
		return w, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &w.waits)
	}
	if err != nil {
		return nil, certhall.ErrInternal.Because(err)
	}
	return w, nil
}

func (w *waiting) save() error {
	data, err := json.Marshal(w.waits)
	if err == nil {
		err = durable.Replace(w.path, data, durable.Secret)
	}
	if err != nil {
		return certhall.ErrInternal.Because(err)
	}
	return nil
}

// old tells whether nobody answers the request any more. By a clock set back
// none is.
func (w *waiting) old(now time.Time) bool { return now.Sub(w.Made) >= requestLives }

// own is the request's private key.
func (w *waiting) own() (*sm2.PrivateKey, error) {
	key, err := sm2.NewPrivateKey(w.Key)
	if err != nil {
		return nil, ErrUnlockUnknown.Because(err)
	}
	return key, nil
}
