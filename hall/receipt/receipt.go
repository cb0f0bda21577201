// Package receipt prints receipts (收据) as PDF files: on one A4 page, or as many
// as the lines need. It knows no words and no prices: it sets what it is given.
package receipt

import (
	"bytes"
	"strconv"
	"strings"

	"codeberg.org/go-pdf/fpdf"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/orders"
)

// Words give the text of a key in the reader's language.
type Words func(key string, params map[string]string) string

// Measures of a page, in millimetres and points.
const (
	margin   = 18.0
	right    = 210 - margin
	bottom   = 297 - 22.0
	leading  = 5.2
	family   = "sans"
	small    = 8.5
	normal   = 9.5
	large    = 13.0
	heading  = 22.0
	stampAt  = 26.0 // radius and place of the stamp
	stampRim = 15.5
)

type colour struct{ r, g, b int }

// The colours of look and tone: vermilion is the stamp's alone.
var (
	ink       = colour{0x1B, 0x23, 0x33}
	faint     = colour{0x5A, 0x63, 0x73}
	rule      = colour{0xD9, 0xDC, 0xE3}
	vermilion = colour{0xC0, 0x3B, 0x2B}
)

// page is a receipt that is being set.
type page struct {
	*fpdf.Fpdf
	orders.Receipt
	lang  string
	words Words
}

// Print sets a receipt in a language (of the names of what was bought), with its
// words. ErrNoFont: the program was built without the font.
func Print(r orders.Receipt, lang string, words Words) ([]byte, error) {
	data, err := font()
	if err != nil {
		return nil, err
	}
	p := page{fpdf.New("P", "mm", "A4", ""), r, lang, words}
	p.AddUTF8FontFromBytes(family, "", data)
	p.SetMargins(margin, margin, margin)
	p.SetAutoPageBreak(false, 0)
	p.SetCreationDate(r.PaidAt)
	p.SetModificationDate(r.PaidAt)
	p.SetTitle(p.say("title")+" "+string(r.Number), true)
	p.SetAuthor(printable(r.Seller), true)
	p.SetLang(lang)
	p.AliasNbPages("{pages}")
	p.SetFooterFunc(p.foot)
	p.AddPage()
	p.head()
	p.lines()
	p.sums()
	p.payment()
	var out bytes.Buffer
	err = p.Output(&out)
	return out.Bytes(), err
}

func (p *page) say(key string, params ...string) string {
	values := map[string]string{}
	for i := 0; i+1 < len(params); i += 2 {
		values[params[i]] = params[i+1]
	}
	return p.words("receipt."+key, values)
}

// ink and size of what is written next.
func (p *page) style(c colour, size float64) {
	p.SetTextColor(c.r, c.g, c.b)
	p.SetFont(family, "", size)
}

// write sets one line of text, its right end at x if align is "R".
func (p *page) write(x, y, width float64, align, text string) {
	p.SetXY(x, y)
	p.CellFormat(width, leading, printable(text), "", 0, align+"M", false, 0, "")
}

// line draws a rule over the page.
func (p *page) line(y, weight float64) {
	p.SetDrawColor(rule.r, rule.g, rule.b)
	p.SetLineWidth(weight)
	p.Line(margin, y, right, y)
}

func (p *page) head() {
	p.style(ink, large)
	p.write(margin, margin, 120, "L", p.Seller)
	p.style(ink, heading)
	p.write(margin, margin+11, 120, "L", p.say("title"))
	p.style(faint, small)
	p.write(margin, margin+20, 120, "L", p.say("number")+" "+string(p.Number))
	p.stamp(right-stampAt, margin+14)
	p.SetY(margin + 31)
}

// stamp is the vermilion mark: what the receipt is worth at a glance.
func (p *page) stamp(x, y float64) {
	state := "paid"
	switch {
	case p.Kept == 0:
		state = "refunded"
	case p.Refunded > 0:
		state = "partly"
	}
	p.TransformBegin()
	p.TransformRotate(8, x, y)
	p.SetDrawColor(vermilion.r, vermilion.g, vermilion.b)
	p.SetLineWidth(0.9)
	p.Circle(x, y, stampRim, "D")
	p.SetLineWidth(0.25)
	p.Circle(x, y, stampRim-1.4, "D")
	p.style(vermilion, large)
	p.write(x-stampRim, y-leading/2-2.4, 2*stampRim, "C", p.say("stamp."+state))
	p.style(vermilion, small)
	p.write(x-stampRim, y+2.2, 2*stampRim, "C", certhall.Date(p.PaidAt))
	p.TransformEnd()
}

// columns of the table: x and width of each.
var columns = []struct {
	key      string
	x, width float64
	align    string
}{
	{"what", margin, 58, "L"}, {"certificate", margin + 60, 56, "L"}, {"price", margin + 116, 22, "R"},
	{"years", margin + 138, 12, "R"}, {"subtotal", margin + 150, 24, "R"},
}

func (p *page) tableHead() {
	y := p.GetY()
	p.style(faint, small)
	for _, c := range columns {
		p.write(c.x, y, c.width, c.align, p.say(c.key))
	}
	p.line(y+leading+1, 0.4)
	p.SetY(y + leading + 2)
}

func (p *page) lines() {
	p.tableHead()
	for _, l := range p.Lines {
		p.style(ink, normal)
		what := p.wrap(p.names(l)+" · "+p.say("service."+string(l.Service)), columns[0].width)
		if l.State == orders.Refunded {
			what = append(what, p.say("line.refunded"))
		}
		certificate := append(p.wrap(l.Subject, columns[1].width), p.say("key-number", "number", l.KeyNumber))
		height := float64(max(len(what), len(certificate)))*leading + 2.4
		if p.GetY()+height > bottom {
			p.AddPage()
			p.SetY(margin)
			p.tableHead()
		}
		y := p.GetY() + 1.2
		p.style(ink, normal)
		p.block(0, y, what)
		p.block(1, y, certificate)
		p.block(2, y, []string{l.Price.String()})
		p.block(3, y, []string{strconv.Itoa(l.Years)})
		p.block(4, y, []string{l.Subtotal.String()})
		p.line(y+height-1.2, 0.15)
		p.SetY(y + height - 1.2)
	}
}

// names of project and brand, in the reader's language if there are any.
func (p *page) names(l orders.LineView) string {
	if name := l.Names[p.lang]; name != "" {
		return name
	}
	return l.Project + " " + l.Brand
}

// block writes lines of text into a column.
func (p *page) block(column int, y float64, lines []string) {
	c := columns[column]
	for i, text := range lines {
		p.write(c.x, y+float64(i)*leading, c.width, c.align, text)
	}
}

// wrap breaks a text where it is too wide: between any two characters.
func (p *page) wrap(text string, width float64) (lines []string) {
	var line string
	for _, r := range printable(text) {
		if line != "" && p.GetStringWidth(line+string(r)) > width-2 {
			lines, line = append(lines, line), ""
		}
		line += string(r)
	}
	return append(lines, line)
}

// room begins a new page unless so many lines fit.
func (p *page) room(lines int) {
	if p.GetY()+float64(lines)*(leading+1.5) > bottom {
		p.AddPage()
		p.SetY(margin)
	}
}

// pair writes a name and its value on one line.
func (p *page) pair(key, value string) {
	y := p.GetY()
	p.style(faint, normal)
	p.write(margin, y, 40, "L", p.say(key))
	p.style(ink, normal)
	p.write(margin+40, y, right-margin-40, "L", value)
	p.SetY(y + leading + 1.5)
}

func (p *page) sums() {
	p.room(3 + len(p.Refunds))
	p.SetY(p.GetY() + 3)
	p.sum("total", p.Total, p.Words)
	for _, f := range p.Refunds {
		y := p.GetY()
		p.style(ink, normal)
		p.write(margin, y, 120, "L", p.say("repaid", "at", certhall.DateTime(f.At), "number", f.Number))
		p.write(margin+120, y, right-margin-120, "R", "-"+f.Amount.String())
		p.SetY(y + leading + 1.5)
	}
	if p.Refunded > 0 {
		p.SetY(p.GetY() + 1.5)
		p.sum("kept", p.Kept, p.KeptWords)
	}
	p.line(p.GetY()+1, 0.4)
	p.SetY(p.GetY() + 5)
}

// sum writes an amount in figures, and in characters for who reads Chinese.
func (p *page) sum(key string, m certhall.Money, characters string) {
	y := p.GetY()
	p.style(ink, large)
	p.write(margin, y, 30, "L", p.say(key))
	p.write(margin+120, y, right-margin-120, "R", "¥"+m.String())
	p.style(ink, normal)
	if p.lang == "zh-CN" {
		p.write(margin+30, y, 90, "L", p.say("words", "words", characters))
	}
	p.SetY(y + leading + 3)
}

func (p *page) payment() {
	p.room(5)
	p.pair("channel", p.say("channel."+p.Channel))
	p.pair("transaction", p.Transaction)
	p.pair("paid-at", certhall.DateTime(p.PaidAt))
	p.pair("made-at", certhall.DateTime(p.MadeAt))
}

func (p *page) foot() {
	p.line(297-16, 0.15)
	p.style(faint, small)
	p.write(margin, 297-14, 140, "L", p.say("foot"))
	p.write(right-34, 297-14, 34, "R", strconv.Itoa(p.PageNo())+" / {pages}")
}

// printable replaces what the font's format cannot hold by the mark that stands
// for a missing character (〓).
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r > 0xFFFF || r < ' ' {
			return '〓'
		}
		return r
	}, text)
}
