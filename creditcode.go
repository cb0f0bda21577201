package certhall

import "strings"

// ValidCreditCode checks the check character of a unified social credit code
// (统一社会信用代码, GB 32100-2015, 4.6): 18 digits and capitals.
func ValidCreditCode(code string) bool {
	const characters = "0123456789ABCDEFGHJKLMNPQRTUWXY"
	weights := [17]int{1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28}
	if len(code) != 18 {
		return false
	}
	sum := 0
	for i, w := range weights {
		value := strings.IndexByte(characters, code[i])
		if value < 0 {
			return false
		}
		sum += value * w
	}
	return code[17] == characters[(31-sum%31)%31]
}
