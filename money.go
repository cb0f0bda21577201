package certhall

import (
	"fmt"
	"regexp"
	"strconv"
)

// Money is an amount in fen (分), the hundredth part of a yuan: CNY, the one
// currency of the house.
type Money int64

// String writes yuan with two places: 200.00.
func (m Money) String() string {
	sign := ""
	if m < 0 {
		sign, m = "-", -m
	}
	return fmt.Sprintf("%s%d.%02d", sign, m/100, m%100)
}

var yuan = regexp.MustCompile(`^([0-9]{1,12})(?:\.([0-9]{1,2}))?$`)

// ParseMoney reads yuan as String writes them; one place or none will do, a
// sign will not. ok is false for anything else.
func ParseMoney(text string) (m Money, ok bool) {
	parts := yuan.FindStringSubmatch(text)
	if parts == nil {
		return 0, false
	}
	fen, err := strconv.ParseInt(parts[1]+(parts[2] + "00")[:2], 10, 64)
	return Money(fen), err == nil
}
