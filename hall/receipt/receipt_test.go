package receipt_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/catalog"
	"github.com/certhall/certhall/hall/orders"
	"github.com/certhall/certhall/hall/receipt"
	"github.com/certhall/certhall/locale"
)

// of a number of certificates, of which the last was refunded.
func of(n int) orders.Receipt {
	r := orders.Receipt{
		Number: "01k2x3y4z5a6b7c8d9e0f1g", Seller: "某省数字证书认证中心", Channel: "wechat", Transaction: "4200002026112212345678901234",
		MadeAt: time.Date(2026, 11, 22, 3, 58, 0, 0, time.UTC), PaidAt: time.Date(2026, 11, 22, 16, 30, 5, 0, time.UTC),
	}
	for i := range n {
		r.Lines = append(r.Lines, orders.LineView{
			Service: certhall.Renew, Years: 2, Price: 20000, Subtotal: 40000, Names: catalog.Names{"zh-CN": "政府采购项目-海泰KEY", "en": "Government procurement-Haitai"},
			Subject: "某某市第一人民医院设备物资采购管理中心（东院区）𬭎药剂科", KeyNumber: fmt.Sprintf("HT2026%06d", i), State: orders.Spent,
		})
		r.Total += 40000
	}
	r.Lines[n-1].State = orders.Refunded
	r.Words, r.Refunded = r.Total.Chinese(), 40000
	r.Refunds = []orders.Repaid{{Amount: 40000, At: r.PaidAt.Add(time.Hour), Number: "50000000382019052709732678859"}}
	r.Kept = r.Total - r.Refunded
	r.KeptWords = r.Kept.Chinese()
	return r
}

// built tells whether the font was there when the test was built: without it,
// nothing is printed, and that is told.
func built(t *testing.T) bool {
	t.Helper()
	_, err := receipt.Print(of(1), locale.Chinese, say(locale.Chinese))
	if errors.Is(err, receipt.ErrNoFont) {
		t.Log("built without the font (make fonts): nothing is printed")
		return false
	}
	if err != nil {
		t.Fatal(err)
	}
	return true
}

func say(lang string) receipt.Words {
	return func(key string, params map[string]string) string { return locale.Text(lang, key, params) }
}

// read is a receipt as poppler's programs (scripts/needs) read it: its text and
// the list of its fonts.
func read(t *testing.T, r orders.Receipt, lang string) (text, fonts string, pages int) {
	t.Helper()
	pdf, err := receipt.Print(r, lang, say(lang))
	if err != nil {
		t.Fatal(err)
	}
	if len(pdf) > 400<<10 {
		t.Errorf("a receipt of %d bytes carries more of the font than it shows", len(pdf))
	}
	file := filepath.Join(t.TempDir(), "receipt.pdf")
	if err := os.WriteFile(file, pdf, 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(program string, args ...string) string {
		out, err := exec.Command(program, args...).CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v: %s", program, err, out)
		}
		return string(out)
	}
	for _, line := range strings.Split(run("pdfinfo", file), "\n") {
		_, _ = fmt.Sscanf(line, "Pages: %d", &pages)
	}
	return run("pdftotext", "-layout", file, "-"), run("pdffonts", file), pages
}

func TestPrint(t *testing.T) {
	if !built(t) {
		return
	}
	text, fonts, pages := read(t, of(3), locale.Chinese)
	for _, want := range []string{
		"某省数字证书认证中心", "收据", "01k2x3y4z5a6b7c8d9e0f1g", "政府采购项目-海泰KEY", "某某市第一人民医院", "HT2026000002", "200.00", "400.00", "1200.00", "壹仟贰佰元整",
		"已退款", "部分退款", "-400.00", "800.00", "捌佰元整", "微信支付", "4200002026112212345678901234", "2026-11-23 00:30:05", "〓",
	} {
		if !strings.Contains(strings.ReplaceAll(text, " ", ""), strings.ReplaceAll(want, " ", "")) {
			t.Errorf("no %s in:\n%s", want, text)
		}
	}
	if strings.Contains(text, "receipt.") || strings.Contains(text, "{") {
		t.Errorf("words are missing:\n%s", text)
	}
	if pages != 1 {
		t.Errorf("%d pages", pages)
	}
	for _, line := range strings.Split(strings.TrimSpace(fonts), "\n")[2:] {
		if f := strings.Fields(line); len(f) < 6 || f[len(f)-5] != "yes" || f[len(f)-3] != "yes" {
			t.Errorf("not embedded, or not to be read by programs: %s", line)
		}
	}
	paid := of(1)
	paid.Lines[0].State, paid.Refunds, paid.Refunded, paid.Kept = orders.Open, nil, 0, paid.Total
	if text, _, _ := read(t, paid, locale.Chinese); !strings.Contains(text, "收讫") || strings.Contains(text, "退款") {
		t.Errorf("paid:\n%s", text)
	}
	text, _, _ = read(t, of(1), locale.English)
	if !strings.Contains(text, "Receipt") || !strings.Contains(text, "Government procurement-Haitai") || !strings.Contains(text, "Refunded") || strings.Contains(text, "佰") {
		t.Errorf("in English:\n%s", text)
	}
}

// TestManyLines go on over as many pages as they need, and none is lost.
func TestManyLines(t *testing.T) {
	if !built(t) {
		return
	}
	text, _, pages := read(t, of(500), locale.Chinese)
	if pages < 20 || pages > 60 || strings.Count(text, "HT2026") != 500 || !strings.Contains(text, fmt.Sprintf("%d / %d", pages, pages)) {
		t.Errorf("%d pages, %d lines", pages, strings.Count(text, "HT2026"))
	}
}
