package proof

import (
	"bytes"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/certhall/certhall/gm"
)

// Unlocking a locked USB key (docs/decisions/0016-unlocking.md):
//
//	agent → hall → authority   UnlockRequest, unsigned: the key cannot sign
//	reviewer → authority       UnlockDecision over exactly that request
//	authority → hall → agent   UnlockAnswer (notary) with AdminPINs in an envelope
//	agent → hall → authority   UnlockReport: which administrator's PIN lies on the key now

// UnlockRequest asks that a locked key be unlocked. Nobody signs it; the
// reviewer's decision names its digest. The agent keeps the private half of
// Key until it holds the answer, through a restart of the PC too: without it a
// new request, and a new decision, are needed.
type UnlockRequest struct {
	Authority string `asn1:"utf8"`
	KeySerial string `asn1:"utf8"` // as the agent lists the key (token.Info.Serial)
	Key       []byte // SubjectPublicKeyInfo, DER, of an SM2 key that the agent made for this request alone
	Nonce     []byte // the agent's: no two requests are alike
	Challenge []byte // the key's question (token.Challenger); empty where the administrator's PIN unlocks it
	// PINTries and AdminTries are the tries left of the user's and of the
	// administrator's PIN: 0 means locked, -1 that the driver cannot tell.
	PINTries   int
	AdminTries int
}

// Digest is what decision, answer and report name the request by: SM3 over its
// DER form.
func (r UnlockRequest) Digest() []byte { return gm.SM3(Encode(r)) }

// UnlockCode is a request's digest as two people compare it by telephone: 20
// decimal digits in groups of four (66 bits; a request lives for a day). The
// agent's window shows it to the clerk, the reviewer's shows it before he signs.
func UnlockCode(digest []byte) string {
	const count, group = 20, 4
	n := new(big.Int).SetBytes(digest)
	digits := fmt.Sprintf("%0*d", count, n.Mod(n, new(big.Int).Exp(big.NewInt(10), big.NewInt(count), nil)))
	var groups []string
	for part := range slices.Chunk([]byte(digits), group) {
		groups = append(groups, string(part))
	}
	return strings.Join(groups, " ")
}

// UnlockDecision is evidence by a reviewer's key: the key of exactly this
// request may be unlocked, once, by the agent that has the private half of its
// key. There is none that refuses: refusing gives nothing away.
type UnlockDecision struct {
	Authority     string   `asn1:"utf8"`
	RequestDigest []byte   // of the UnlockRequest
	KeySerial     string   `asn1:"utf8"`
	KeyDigest     []byte   // SM3 over UnlockRequest.Key
	Documents     [][]byte // SM3 digests of the signing certificates on the key, as the authority knows them; none where it knows none
	Reason        string   `asn1:"utf8"` // how the person proved who he is
	Nonce         []byte
	Expiry        time.Time `asn1:"generalized"`
}

// UnlockAnswer gives the agent what unlocks the key: signed by the notary, the
// same bytes for ever for one request. The agent takes it only if the root of
// the notary is one it trusts for Authority and RequestDigest is that of a
// request of its own.
type UnlockAnswer struct {
	Authority     string `asn1:"utf8"`
	RequestDigest []byte
	KeySerial     string `asn1:"utf8"`
	Envelope      []byte // SM2Cipher (GB/T 35276) to UnlockRequest.Key over the DER of AdminPINs
}

// AdminPINs lie in an answer's envelope and nowhere else. At the key: the
// administrator's PIN is changed to Next by the first of Try that opens it
// (ChangeAdminPIN), then the user's PIN is set by Next (Unblock). If a run
// broke off, Next may lie on the key already: an agent that is given the same
// answer again tries Next too. It never spends the last try of an
// administrator's PIN. Where the key refuses Next (token.ErrPINRefused) the one
// that opened it stays, and the report says so.
type AdminPINs struct {
	Authority     string `asn1:"utf8"`
	RequestDigest []byte
	Try           [][]byte // in the order in which they are to be tried: one or two
	Next          []byte   // drawn for this answer
	Response      []byte   // the maker's answer to Challenge (token.Challenger.Respond); then Try and Next are empty
}

// Outcomes of an UnlockReport.
const (
	UnlockChanged  = "changed"  // unlocked; Next lies on the key
	UnlockKept     = "kept"     // unlocked; the key did not take Next, and Try[Tried] lies on it still
	UnlockAnswered = "answered" // unlocked by the maker's response
	// UnlockUnanswered: the key did not take the maker's response. It has
	// forgotten its question (it was unplugged, or its driver began anew), or the
	// response is another's: another request asks another question.
	UnlockUnanswered = "unanswered"
	UnlockFailed     = "failed" // none of them opens it, or its administrator's PIN is locked: it must be replaced (reissue)
)

// UnlockReport says what lies on the key now. It proves itself by the private
// half of UnlockRequest.Key, which alone opens the answer's envelope: that is
// its first signature, without a certificate (CheckUnlockReport). A second one,
// with its certificate, is by the signing key of a pair of this authority on
// that USB key, where there is one that can sign: it shows that the key works again.
type UnlockReport struct {
	Authority     string `asn1:"utf8"`
	RequestDigest []byte
	KeySerial     string `asn1:"utf8"`
	Outcome       string `asn1:"utf8"` // changed, kept, answered, unanswered, failed
	Tried         int    // kept: index in AdminPINs.Try of the one that lies on the key; else 0
}

// CheckUnlockReport decodes a report that the agent of a request made about it:
// ErrMalformed, or ErrSignature where somebody else did. Who signed secondly is
// for the authority to judge.
func CheckUnlockReport(s Signed, q UnlockRequest) (UnlockReport, error) {
	if n := len(s.Signatures); n < 1 || n > 2 || len(s.Signatures[0].Certificate) > 0 {
		return UnlockReport{}, ErrSignature.Becausef("%d signatures, or none by the request's key", n)
	}
	key, err := gm.ParsePublicKey(q.Key)
	if err != nil {
		return UnlockReport{}, ErrMalformed.Because(err)
	}
	m, err := VerifyKey[UnlockReport](Signed{s.Message, s.Signatures[:1]}, key)
	if err != nil {
		return m, err
	}
	outcomes := []string{UnlockChanged, UnlockKept, UnlockAnswered, UnlockUnanswered, UnlockFailed}
	kept := m.Outcome == UnlockKept && m.Tried == 1
	if m.Authority != q.Authority || m.KeySerial != q.KeySerial || !bytes.Equal(m.RequestDigest, q.Digest()) ||
		!slices.Contains(outcomes, m.Outcome) || m.Tried != 0 && !kept {
		return m, ErrMalformed.Becausef("a report of another unlocking, or outcome %.40q, %d", m.Outcome, m.Tried)
	}
	return m, nil
}

func (UnlockRequest) tag() string  { return "certhall/unlock-request/1" }
func (UnlockDecision) tag() string { return "certhall/unlock-decision/1" }
func (UnlockAnswer) tag() string   { return "certhall/unlock-answer/1" }
func (AdminPINs) tag() string      { return "certhall/admin-pins/1" }
func (UnlockReport) tag() string   { return "certhall/unlock-report/1" }
