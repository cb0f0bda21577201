// Package work asks strangers for proof of work (ALTCHA): before a message is
// sent for somebody whom the hall does not know, his machine looks for a number
// for some tenths of a second. One person does not notice; whoever wants a
// hundred thousand messages sent pays for it. The hall stores no challenge that
// it gives away; a solution is stored until its challenge ends, by whoever takes
// it, so that it counts once.
package work

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"regexp"
	"strconv"
	"time"

	"crypto/rand"

	altcha "github.com/altcha-org/altcha-lib-go"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/gm"
)

// Life is how long a challenge may be solved.
const Life = 10 * time.Minute

// Refusals of a Maker.
var (
	ErrNeeded = certhall.NewError("work-needed", certhall.Conflict) // no solution came
	ErrWrong  = certhall.NewError("work-wrong", certhall.Conflict)  // wrong, over, or spent
)

// Challenge is what is to be solved: a number from 0 to MaxNumber, so that the
// algorithm over salt and number (in decimal) gives challenge in hex. Where
// nothing is asked for, Needed is false and all else is empty.
type Challenge struct {
	Needed    bool   `json:"needed" doc:"false: the hall asks nobody for work at present"`
	Algorithm string `json:"algorithm,omitempty" doc:"SHA-256"`
	Challenge string `json:"challenge,omitempty" doc:"in hex"`
	Salt      string `json:"salt,omitempty"`
	MaxNumber int64  `json:"max_number,omitempty"`
	Signature string `json:"signature,omitempty"`
}

// Maker makes challenges and checks solutions.
type Maker struct {
	Difficulty int64  // how far the numbers go: half of them are tried; 0 asks for nothing
	Secret     []byte // kept outside the database
	Clock      certhall.Clock
	Random     io.Reader
}

// key is the hall's alone, and for nothing else.
func (m Maker) key() string {
	return hex.EncodeToString(gm.SM3([]byte("certhall/work/1\x00"), gm.SM3(m.Secret)))
}

// salts end in & so that no digit of the number can be taken for one of the end.
var salts = regexp.MustCompile(`^[0-9a-f]{24}\?expires=([0-9]{1,12})&$`)

// New makes a challenge.
func (m Maker) New() (Challenge, error) {
	if m.Difficulty <= 0 {
		return Challenge{}, nil
	}
	var random [12]byte
	if _, err := io.ReadFull(m.Random, random[:]); err != nil {
		return Challenge{}, err
	}
	drawn, err := rand.Int(m.Random, big.NewInt(m.Difficulty+1))
	if err != nil {
		return Challenge{}, err
	}
	number := drawn.Int64()
	c, err := altcha.CreateChallenge(altcha.ChallengeOptions{
		HMACKey: m.key(), MaxNumber: m.Difficulty, Number: &number,
		Salt: fmt.Sprintf("%x?expires=%d&", random, m.Clock.Now().Add(Life).Unix()),
	})
	return Challenge{Needed: true, Algorithm: c.Algorithm, Challenge: c.Challenge, Salt: c.Salt, MaxNumber: c.MaxNumber, Signature: c.Signature}, err
}

// Solution is a checked one. It counts once: ID is to be spent before its end.
type Solution struct {
	ID      []byte // zero where no work is asked for
	Expires time.Time
}

// Check checks a solution: ALTCHA's payload, JSON in base64.
func (m Maker) Check(payload string) (Solution, error) {
	switch {
	case m.Difficulty <= 0:
		return Solution{}, nil
	case payload == "":
		return Solution{}, ErrNeeded
	}
	var p altcha.Payload
	data, err := base64.StdEncoding.DecodeString(payload)
	if err == nil {
		err = json.Unmarshal(data, &p)
	}
	if err != nil {
		return Solution{}, ErrWrong.Because(err)
	}
	salt := salts.FindStringSubmatch(p.Salt)
	if salt == nil || p.Algorithm != string(altcha.SHA256) {
		return Solution{}, ErrWrong
	}
	seconds, err := strconv.ParseInt(salt[1], 10, 64)
	if err != nil {
		return Solution{}, ErrWrong.Because(err)
	}
	expires := time.Unix(seconds, 0).UTC()
	right, err := altcha.VerifySolution(p, m.key(), false)
	if err != nil || !right || !m.Clock.Now().Before(expires) {
		return Solution{}, ErrWrong.Because(err)
	}
	return Solution{ID: gm.SM3([]byte("certhall/work/1\x00"), []byte(p.Challenge)), Expires: expires}, nil
}

// Solve finds a challenge's solution, as pages do: "" where none is needed.
func Solve(c Challenge) (payload string, err error) {
	if !c.Needed {
		return "", nil
	}
	found, err := altcha.SolveChallenge(c.Challenge, c.Salt, altcha.Algorithm(c.Algorithm), int(c.MaxNumber), 0, nil)
	if err != nil || found == nil {
		return "", ErrWrong.Because(err)
	}
	data, err := json.Marshal(altcha.Payload{Algorithm: c.Algorithm, Challenge: c.Challenge, Number: int64(found.Number), Salt: c.Salt, Signature: c.Signature})
	return base64.StdEncoding.EncodeToString(data), err
}
