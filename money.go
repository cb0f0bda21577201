package certhall

import "fmt"

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
