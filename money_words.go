package certhall

import "strings"

// Chinese writes an amount in the characters that receipts use (大写金额), which
// cannot be altered by a stroke: 壹佰元整.
func (m Money) Chinese() string {
	const digits = "零壹贰叁肆伍陆柒捌玖"
	digit := func(n Money) string { return string([]rune(digits)[n]) }
	if m < 0 {
		return "负" + (-m).Chinese()
	}
	yuan, jiao, fen := m/100, m/10%10, m%10
	var b strings.Builder
	if yuan > 0 || m == 0 {
		b.WriteString(chineseNumber(yuan, digit) + "元")
	}
	if jiao > 0 {
		b.WriteString(digit(jiao) + "角")
	}
	switch {
	case fen == 0:
		b.WriteString("整")
	case jiao == 0 && yuan > 0:
		b.WriteString("零" + digit(fen) + "分")
	default:
		b.WriteString(digit(fen) + "分")
	}
	return b.String()
}

// chineseNumber writes a whole number in groups of four figures; one 零 stands for
// whatever zeros lie between two figures.
func chineseNumber(n Money, digit func(Money) string) string {
	if n == 0 {
		return digit(0)
	}
	var out string
	gap := false // zeros since the last figure that was written
	for place := Money(1e16); place > 0; place /= 1e4 {
		group := n / place % 1e4
		if group == 0 {
			gap = gap || out != ""
			continue
		}
		for unit, name := range []string{"仟", "佰", "拾", ""} {
			figure := group / []Money{1000, 100, 10, 1}[unit] % 10
			if figure == 0 {
				gap = gap || out != ""
				continue
			}
			if gap {
				out += digit(0)
			}
			out, gap = out+digit(figure)+name, false
		}
		out += map[Money]string{1e16: "京", 1e12: "兆", 1e8: "亿", 1e4: "万", 1: ""}[place]
		gap = false // within a group that ends in zeros none is written behind it
	}
	return out
}
