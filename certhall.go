// Package certhall holds the nouns that every room of the house shares: ids,
// serial numbers, services, the clock and the error form. It imports the
// standard library only, so that any zone of trust may lean on it.
package certhall

import (
	"encoding/base32"
	"encoding/hex"
	"fmt"
	"io"
	"math/big"
	"strings"
	"time"
)

// Clock tells the time. It is passed in everywhere, so that tests and the
// simulation can set it; nothing else in the house asks the machine.
type Clock interface{ Now() time.Time }

// SystemClock is the machine's clock, in UTC.
type SystemClock struct{}

// Now returns the machine's time in UTC.
func (SystemClock) Now() time.Time { return time.Now().UTC() }

// Beijing is Asia/Shanghai (UTC+8, no daylight saving since 1991): the zone
// in which terms are counted and dates are shown.
var Beijing = time.FixedZone("Asia/Shanghai", 8*60*60)

// Date writes the day of a time in Beijing: 2026-12-14.
func Date(t time.Time) string { return t.In(Beijing).Format(time.DateOnly) }

// DaysBetween counts the calendar days in Beijing from one time to another, as
// people do; negative if it lies before.
func DaysBetween(from, to time.Time) int {
	midnight := func(t time.Time) time.Time {
		y, m, d := t.In(Beijing).Date()
		return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	}
	return int(midnight(to).Sub(midnight(from)) / (24 * time.Hour))
}

// DateTime writes a time in Beijing: 2026-12-14 09:30:00.
func DateTime(t time.Time) string { return t.In(Beijing).Format(time.DateTime) }

// AgentAPI is the version of the agent's local API (docs/agent-api.md) that the
// agent and the pages of this release speak.
const AgentAPI = 1

// Ids are opaque lower-case strings of at most 23 characters, made by NewID;
// they sort by the time they were made.
type (
	// CaseID names one run of a service for one certificate (业务/办件).
	CaseID string
	// PairID names one signing certificate with its encryption certificate.
	PairID string
	// LineageID names the pairs that follow each other for one holder in one project.
	LineageID string
	// EntitlementID names the right to one pair; opaque to the authority.
	EntitlementID string
	// OrderID names what somebody agreed to pay at one time (订单).
	OrderID string
	// RefundID names money that goes back (退款).
	RefundID string
)

var idEncoding = base32.HexEncoding.WithPadding(base32.NoPadding)

// NewID makes an id from the clock (48 bits of milliseconds) and 64 random
// bits. It panics if randomness fails, as crypto/rand itself does.
func NewID(now time.Time, random io.Reader) string {
	var b [14]byte
	ms := uint64(now.UnixMilli())
	for i := range 6 {
		b[i] = byte(ms >> (40 - 8*i))
	}
	if _, err := io.ReadFull(random, b[6:]); err != nil {
		panic("certhall: no randomness: " + err.Error())
	}
	return strings.ToLower(idEncoding.EncodeToString(b[:]))
}

// Serial is a certificate's serial number (RFC 5280, 4.1.2.2): a positive
// integer of at most 20 octets, written as lower-case hex of whole octets
// without leading zero octets.
type Serial string

// SerialOf writes n as a Serial.
func SerialOf(n *big.Int) Serial { return Serial(hex.EncodeToString(n.Bytes())) }

// NewSerial draws a serial number of 16 octets whose first bit is 0 and second
// is 1: always positive, always the same length, 126 random bits.
func NewSerial(random io.Reader) (Serial, error) {
	var b [16]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return "", err
	}
	b[0] = b[0]&0x3f | 0x40
	return Serial(hex.EncodeToString(b[:])), nil
}

// Big returns the serial as a number; zero if it is malformed.
func (s Serial) Big() *big.Int {
	b, err := hex.DecodeString(string(s))
	if err != nil {
		return new(big.Int)
	}
	return new(big.Int).SetBytes(b)
}

// Service is one of the counters of the hall, by its name in the protocol.
type Service string

// The seven services (mission B1).
const (
	Apply   Service = "apply"   // 申请
	Renew   Service = "renew"   // 延期/续费
	Repair  Service = "repair"  // 修复
	Update  Service = "update"  // 更新
	Change  Service = "change"  // 变更
	Reissue Service = "reissue" // 补办
	Revoke  Service = "revoke"  // 注销
)

// Disposal says what happens to the old container once its pair is superseded.
type Disposal string

// The two disposals.
const (
	Keep   Disposal = "keep"   // stays on the key as history: old files remain readable
	Delete Disposal = "delete" // removed; only where the escrow holds the old encryption key
)

// ContainerName is the name of the container of one attempt: the key itself is
// a journal that any agent on any PC can go on with. At most 64 bytes.
func ContainerName(authority string, c CaseID, attempt int) string {
	return fmt.Sprintf("ch-%s-%s-%d", authority, c, attempt)
}

// ParseContainerName takes a container's name apart; ok is false for names
// that are not ours.
func ParseContainerName(name string) (authority string, c CaseID, attempt int, ok bool) {
	parts := strings.Split(name, "-")
	if len(parts) != 4 || parts[0] != "ch" || len(name) > 64 {
		return "", "", 0, false
	}
	if _, err := fmt.Sscanf(parts[3], "%d", &attempt); err != nil || attempt < 1 {
		return "", "", 0, false
	}
	if ContainerName(parts[1], CaseID(parts[2]), attempt) != name {
		return "", "", 0, false
	}
	return parts[1], CaseID(parts[2]), attempt, true
}

// AddYears adds whole calendar years in Beijing time; 29 February becomes 28
// (time.AddDate would give 1 March).
func AddYears(t time.Time, years int) time.Time {
	local := t.In(Beijing)
	sum := local.AddDate(years, 0, 0)
	if sum.Day() != local.Day() {
		sum = sum.AddDate(0, 0, -sum.Day())
	}
	return sum.UTC()
}
