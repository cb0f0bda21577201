package accounts

import "strings"

// ParsePhone reads a mobile number of the mainland as people type it, with
// spaces, hyphens or +86, and gives its eleven digits.
func ParsePhone(typed string) (string, error) {
	s := strings.NewReplacer(" ", "", "-", "", " ", "", " ", "").Replace(typed)
	s = strings.TrimPrefix(s, "+86")
	if len(s) != 11 || s[0] != '1' || s[1] < '3' {
		return "", ErrPhone
	}
	for _, r := range s {
		if r < '0' || r > '9' {
			return "", ErrPhone
		}
	}
	return s, nil
}

// Mask hides the middle of a phone number: 138****0001.
func Mask(phone string) string {
	if len(phone) != 11 {
		return strings.Repeat("*", len(phone))
	}
	return phone[:3] + "****" + phone[7:]
}
