package takeover_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/csv"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emmansun/gmsm/smx509"
	"golang.org/x/text/encoding/simplifiedchinese"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority/audit"
	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/authority/predecessors/earlier"
	"github.com/certhall/certhall/demo"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/hall/accounts"
	"github.com/certhall/certhall/hall/organisations"
	"github.com/certhall/certhall/locale"
	"github.com/certhall/certhall/proof"
	authoritystore "github.com/certhall/certhall/store/authority"
	"github.com/certhall/certhall/store/fsck"
	hallstore "github.com/certhall/certhall/store/hall"
	"github.com/certhall/certhall/store/sqldb"
	"github.com/certhall/certhall/store/storetest"
	"github.com/certhall/certhall/takeover"
)

// world is an authority and a hall over real databases, and an earlier system.
type world struct {
	*testing.T
	authority *demo.Authority
	store     *authoritystore.Store
	databases [2]*sqldb.DB
	desk      *accounts.Desk
	hall      *hallstore.Store
	old       *earlier.CA
	dir       string
	now       time.Time
	header    string
	rows      []string
	findings  []takeover.Finding
}

func newWorld(t *testing.T, kind string) *world {
	t.Helper()
	w := &world{T: t, dir: t.TempDir(), now: time.Now(), header: "序列号,证书卡号,统一社会信用代码,单位名称,项目代码,经办人,手机号,加密证书序列号"}
	for i, schema := range []fs.FS{authoritystore.Migrations(), hallstore.Migrations()} {
		w.databases[i] = storetest.Open(t, storetest.Address(t, kind), schema)
	}
	w.store, w.hall = authoritystore.New(w.databases[0]), hallstore.New(w.databases[1], nil)
	var err error
	w.authority, err = demo.NewAuthority(t.Context(), demo.Options{
		ID: "test", Name: "测试机构", Store: w.store, Policy: ca.DefaultPolicy(), Base: "http://hall.example", Clock: certhall.SystemClock{}, Random: rand.Reader,
	})
	w.must(err)
	w.old = earlier.New(t, gm.SM2, "原系统", w.now)
	message := proof.Encode(w.old.Takeover("test", "old", "", "", w.now.Add(time.Hour)))
	both := proof.Signed{Message: message}
	for _, officer := range w.authority.Officers {
		signed, err := officer.Sign(t.Context(), proof.Draft{Authority: "test", Message: message})
		w.must(err)
		both.Signatures = append(both.Signatures, signed.Signatures...)
	}
	_, err = w.authority.CA.TakeOver(t.Context(), both)
	w.must(err)
	w.desk = accounts.New(accounts.Options{Store: w.hall.Accounts(), Clock: certhall.SystemClock{}, Random: rand.Reader})
	return w
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(certhall.CauseText(err))
	}
}

func (w *world) file(name string, data []byte) string {
	w.Helper()
	path := filepath.Join(w.dir, name)
	w.must(os.MkdirAll(filepath.Dir(path), 0o755))
	w.must(os.WriteFile(path, data, 0o600))
	return path
}

func inPEM(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func number(c *smx509.Certificate) string { return hex.EncodeToString(c.SerialNumber.Bytes()) }

// pair puts a pair among the files and a row into the table.
func (w *world) pair(name, phone string) (sign, enc *smx509.Certificate) {
	w.Helper()
	from, to := w.now.AddDate(-1, 0, 0), w.now.AddDate(0, 1, 0)
	sign = w.old.Issue(name, earlier.NewKey(w, gm.SM2).Public(), earlier.Signing, from, to)
	enc = w.old.Issue(name, earlier.NewKey(w, gm.SM2).Public(), earlier.Encryption, from, to)
	w.file("certificates/"+number(sign)+".cer", sign.Raw)
	w.file("certificates/"+number(enc)+".pem", inPEM(enc.Raw))
	w.row(number(sign), name, phone, "")
	return sign, enc
}

func (w *world) row(serial, name, phone, enc string) {
	w.rows = append(w.rows, strings.Join([]string{serial, "HT-" + serial, earlier.Code, name, "procurement", "王经办", phone, enc}, ","))
}

func (w *world) table() string { return w.header + "\r\n" + strings.Join(w.rows, "\r\n") + "\r\n" }

// run imports the table as it stands.
func (w *world) run(ctx context.Context, table []byte, change func(*takeover.Run)) (takeover.Counts, error) {
	w.Helper()
	files, err := takeover.Open(filepath.Join(w.dir, "certificates"), w.old.Certificate)
	w.must(err)
	w.findings = nil
	organs := organisations.New(organisations.Options{Store: w.hall.Organisations(), People: w.desk, Clock: certhall.SystemClock{}, Random: rand.Reader})
	r := takeover.Run{Authority: w.authority.CA, Hall: w.desk, Organisations: organs, Operator: "officer", Predecessor: "old", Issuer: w.old.Certificate, Found: func(f takeover.Finding) error {
		w.findings = append(w.findings, f)
		return nil
	}}
	if change != nil {
		change(&r)
	}
	return r.Do(ctx, bytes.NewReader(table), files)
}

func (w *world) all(want takeover.Counts) {
	w.Helper()
	got, err := w.run(w.Context(), []byte(w.table()), nil)
	w.must(err)
	if got != want {
		w.Errorf("%+v, want %+v: %+v", got, want, w.findings)
	}
}

// removed ends that anybody handles a certificate, as its organisation's
// administrator does.
func (w *world) removed(c *smx509.Certificate) {
	w.Helper()
	lineage := w.lineage(c)
	w.must(w.hall.Accounts().Write(w.Context(), func(wr accounts.Writer) error {
		found, err := wr.Handlers(lineage)
		for _, h := range found {
			if err == nil {
				err = wr.DropHandler(h)
			}
		}
		return err
	}))
}

func (w *world) lineage(c *smx509.Certificate) (lineage certhall.LineageID) {
	w.Helper()
	w.must(w.store.Read(w.Context(), func(r ca.Reader) error {
		p, err := r.PairBySerial(certhall.SerialOf(c.SerialNumber))
		if err == nil && p != nil {
			lineage = p.Lineage
		}
		return err
	}))
	return lineage
}

func (w *world) handlers(c *smx509.Certificate) (phones []string) {
	w.Helper()
	lineage := w.lineage(c)
	w.must(w.hall.Accounts().Read(w.Context(), func(r accounts.Reader) error {
		found, err := r.Handlers(lineage)
		for _, h := range found {
			phones = append(phones, h.Person.Phone+h.Name)
		}
		return err
	}))
	return phones
}

func (w *world) sound() {
	w.Helper()
	_, err := (audit.Sequencer{Store: w.store}).Run(w.Context())
	w.must(err)
	found, err := fsck.Check(w.Context(), w.databases[0], nil)
	w.must(err)
	if len(found) > 0 {
		w.Errorf("fsck: %+v", found)
	}
}

// TestRun: pairs and single certificates in every kind of file, brought once;
// again nothing changes; another phone does, another card number is refused.
func TestRun(t *testing.T) {
	for _, kind := range []string{"sqlite-file", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			w := newWorld(t, kind)
			first, _ := w.pair("甲单位", "138 0000 0001")
			single := w.old.Issue("乙单位", earlier.NewKey(t, gm.SM2).Public(), earlier.All, w.now.AddDate(-1, 0, 0), w.now.AddDate(0, 1, 0))
			rsa := w.old.Issue("丙单位", earlier.NewKey(t, gm.RSA).Public(), earlier.All, w.now.AddDate(-2, 0, 0), w.now.AddDate(-1, 6, 0))
			w.file("certificates/bundle.pem", append(inPEM(single.Raw), inPEM(rsa.Raw)...))
			w.row(strings.ToUpper(number(single)), "乙单位", "13800000001", "")
			w.row("0x"+number(rsa), "丙单位", "", "")
			w.file("certificates/readme.txt", []byte("no certificate"))
			w.file("certificates/other.cer", earlier.New(t, gm.SM2, "别家", w.now).Issue("丁", earlier.NewKey(t, gm.SM2).Public(), earlier.All, w.now, w.now.AddDate(1, 0, 0)).Raw)

			before, err := w.run(t.Context(), []byte(w.table()), func(r *takeover.Run) { r.Dry = true })
			w.must(err)
			want := takeover.Counts{Rows: 3, Brought: 3, Warnings: 1, Strange: 1, Unread: 1} // the third has a handler without a phone
			if _, algorithm := ca.Profiles()["rsa2048"]; !algorithm {
				want.Brought, want.Refused = 2, 1
			}
			if before != want || len(w.handlers(first)) != 0 {
				t.Errorf("dry: %+v, want %+v: %+v", before, want, w.findings)
			}
			want.Handlers = 2
			w.all(want)
			if got := w.handlers(first); len(got) != 1 || got[0] != "13800000001王经办" {
				t.Errorf("%v", got)
			}
			want.There, want.Brought, want.Handlers = want.Brought, 0, 0
			w.all(want)
			w.rows[0] = strings.Replace(w.rows[0], "138 0000 0001", "13800000002", 1)
			want.Changed = 1
			w.all(want)
			if got := w.handlers(first); len(got) != 1 || got[0] != "13800000002王经办" {
				t.Errorf("%v", got)
			}
			w.removed(first)
			want.Changed, want.Kept, want.Warnings = 0, 1, want.Warnings+1
			w.all(want)
			if got := w.handlers(first); len(got) != 0 {
				t.Errorf("brought back: %v", got)
			}
			want.Kept, want.Warnings = 0, want.Warnings-1
			w.rows[0] = strings.Replace(w.rows[0], "HT-", "HX-", 1)
			want.There, want.Refused, want.Changed = want.There-1, want.Refused+1, 0
			w.all(want)
			f := w.findings[slices.IndexFunc(w.findings, func(f takeover.Finding) bool { return errors.Is(f.Reason, ca.ErrImportChanged) })]
			if f.Row != 2 || f.Column != "证书卡号" || f.Reason.Params["was"] != "HT-"+number(first) {
				t.Errorf("%+v", f)
			}
			w.sound()
		})
	}
}

// TestAdministrators: whoever the table names administers the organisation; a
// phone that is none refuses the row; a row without an organisation is warned of.
func TestAdministrators(t *testing.T) {
	w := newWorld(t, "sqlite-file")
	w.pair("甲单位", "13800000001")
	w.pair("甲单位二", "13800000002")
	w.pair("甲单位三", "13800000003")
	w.pair("甲单位四", "13800000004")
	table := strings.Replace(w.table(), w.header, w.header+",管理员", 1)
	lines := strings.Split(strings.TrimSpace(table), "\r\n")
	for i, admin := range []string{"是", "138 0000 0009", "", "12345"} {
		lines[i+1] += "," + admin
	}
	table = strings.Join(lines, "\r\n")
	dry, err := w.run(t.Context(), []byte(table), func(r *takeover.Run) { r.Dry = true })
	w.must(err)
	counts, err := w.run(t.Context(), []byte(table), nil)
	w.must(err)
	if dry.Administrators != 0 || counts.Administrators != 2 || counts.Refused != 1 || counts.Brought != 3 {
		t.Errorf("%+v, dry %+v: %+v", counts, dry, w.findings)
	}
	if f := w.findings[slices.IndexFunc(w.findings, func(f takeover.Finding) bool { return !f.Warning })]; f.Column != "管理员" || !errors.Is(f.Reason, accounts.ErrPhone) {
		t.Errorf("%+v", f)
	}
	if counts, err = w.run(t.Context(), []byte(table), nil); err != nil || counts.Administrators != 0 {
		t.Errorf("again: %+v %v", counts, err)
	}
	organs := organisations.New(organisations.Options{Store: w.hall.Organisations(), People: w.desk, Clock: certhall.SystemClock{}, Random: rand.Reader})
	f, err := organs.File(t.Context(), earlier.Code)
	if err != nil || len(f.Acts) != 2 || f.Acts[0].Operator != "officer" {
		t.Errorf("%+v %v", f, err)
	}
}

// TestEncodings: what spreadsheets write is read: UTF-8 with and without a mark,
// GB18030, semicolons and tabs, numbers kept as text.
func TestEncodings(t *testing.T) {
	w := newWorld(t, "sqlite-file")
	w.pair("甲单位", "13800000001")
	plain := w.table()
	gb, err := simplifiedchinese.GB18030.NewEncoder().String(plain)
	w.must(err)
	quoted := strings.Replace(plain, w.rows[0], `="`+strings.Replace(w.rows[0], ",", `",`, 1), 1)
	for name, table := range map[string]string{
		"utf-8": plain, "utf-8 with a mark": "\ufeff" + plain, "gb18030": gb, "semicolons": strings.ReplaceAll(plain, ",", ";"),
		"tabs": strings.ReplaceAll(plain, ",", "\t"), "English": strings.Replace(plain, w.header, "Serial,Key_Number,organisation_code,organisation,PROJECT,handler name,handler_phone,enc_serial", 1),
		"kept as text": quoted, "empty rows": plain + ",,,,,,,\r\n\r\n",
	} {
		got, err := w.run(t.Context(), []byte(table), nil)
		if err != nil || got.Rows != 1 || got.Brought+got.There != 1 || got.Warnings != 0 {
			t.Errorf("%s: %+v, %v: %+v", name, got, err, w.findings)
		}
	}
	for name, c := range map[string]struct {
		table string
		want  error
	}{
		"nothing":           {"", takeover.ErrTable},
		"no serial":         {"项目代码,手机号\r\na,b\r\n", takeover.ErrHeader},
		"no project":        {"序列号,手机号\r\na,b\r\n", takeover.ErrHeader},
		"two of one column": {"序列号,serial,项目\r\n", takeover.ErrColumnTwice},
	} {
		if _, err := w.run(t.Context(), []byte(c.table), nil); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestSerials: numbers are read as the whole table writes them; where that cannot
// be told nothing is mistaken.
func TestSerials(t *testing.T) {
	w := newWorld(t, "sqlite-file")
	var certificates []*smx509.Certificate
	for range 0x1100 { // 1000 to 5352: each has a number that reads both ways
		certificates = append(certificates, nil)
	}
	for i := range certificates {
		if i == 0 || i == 0x1000-1001 || i == 0x1010-1001 {
			certificates[i] = w.old.Issue(fmt.Sprint("单位", i), earlier.NewKey(t, gm.SM2).Public(), earlier.All, w.now.AddDate(-1, 0, 0), w.now.AddDate(0, 1, 0))
			w.file(fmt.Sprint("certificates/", i, ".cer"), certificates[i].Raw)
		} else {
			w.old.Skip()
		}
	}
	read := func(base int, serials ...string) (string, error) {
		w.rows = nil
		for _, s := range serials {
			w.row(s, "", "", "")
		}
		counts, err := w.run(t.Context(), []byte(w.table()), func(r *takeover.Run) { r.Dry, r.Serials = true, base })
		return fmt.Sprint(counts.Brought, "+", counts.Refused), err
	}
	for _, c := range []struct {
		base    int
		serials []string
		want    string
	}{
		{0, []string{"3e9", "1000"}, "2+0"},  // a letter: hexadecimal
		{0, []string{"1001", "4096"}, "2+0"}, // all are there in decimal
		{0, []string{"1000", "1010"}, "2+0"}, // all are there in hexadecimal
		{16, []string{"1001", "4096"}, "0+2"},
		{10, []string{"1001", "4096"}, "2+0"},
	} {
		if got, err := read(c.base, c.serials...); err != nil || got != c.want {
			t.Errorf("%v: %s, %v", c.serials, got, err)
		}
	}
	if _, err := read(0, "1001", "1000"); !errors.Is(err, takeover.ErrBase) {
		t.Errorf("one fits this way, one that: %v", err)
	}
}

// TestRefusedRows: each by its row, its column and its reason; the others are taken.
func TestRefusedRows(t *testing.T) {
	w := newWorld(t, "sqlite-file")
	w.header += ",证书文件,状态,备注"
	sign, _ := w.pair("甲单位", "13800000001")
	good := w.rows[0]
	lonely := w.old.Issue("乙单位", earlier.NewKey(t, gm.SM2).Public(), earlier.Signing, w.now.AddDate(-1, 0, 0), w.now.AddDate(0, 1, 0))
	w.file("certificates/lonely.cer", lonely.Raw)
	many := w.old.Issue("丙单位", earlier.NewKey(t, gm.SM2).Public(), earlier.Signing, w.now.AddDate(-1, 0, 0), w.now.AddDate(0, 1, 0))
	w.file("certificates/many.cer", many.Raw)
	for i := range 2 {
		for range 2 {
			w.old.Issue("x", earlier.NewKey(t, gm.SM2).Public(), earlier.All, w.now, w.now.AddDate(1, 0, 0)) // serials between
		}
		w.file(fmt.Sprint("certificates/enc", i, ".cer"), w.old.Issue("丙单位", earlier.NewKey(t, gm.SM2).Public(), earlier.Encryption, w.now.AddDate(-1, 0, 0), w.now.AddDate(0, 1, 0)).Raw)
	}
	type bad struct {
		row    string
		column string
		want   error
	}
	row := func(serial, phone, enc, file, state string) string {
		return strings.Join([]string{serial, "HT", earlier.Code, "", "procurement", "王", phone, enc, file, state, ""}, ",")
	}
	cases := []bad{
		{row("", "", "", "", ""), "序列号", takeover.ErrSerial},
		{row("zz", "", "", "", ""), "序列号", takeover.ErrSerial},
		{row("1.2E+15", "", "", "", ""), "序列号", takeover.ErrShortened},
		{row("ffff", "", "", "", ""), "序列号", takeover.ErrNoFile},
		{row("", "", "", "nowhere.cer", ""), "证书文件", takeover.ErrNoFile},
		{row(number(lonely), "", "", number(sign)+".cer", ""), "序列号", takeover.ErrNotTheSame},
		{row(number(lonely), "", "", "", ""), "加密证书序列号", takeover.ErrEncMissing},
		{row(number(many), "", "", "", ""), "加密证书序列号", takeover.ErrEncTwo},
		{row(number(lonely), "12345", "无", "", ""), "手机号", accounts.ErrPhone},
		{row(number(lonely), "1.38E+10", "无", "", ""), "手机号", takeover.ErrShortened},
		{row(number(lonely), "", "无", "", "已注销"), "状态", nil},
		{row(number(lonely), "", "无", "", "冻结"), "状态", nil},
		{row(number(lonely), "", "无", "", "？"), "状态", takeover.ErrState},
		{good, "序列号", takeover.ErrTwice},
		{strings.Replace(row(number(lonely), "", "无", "", ""), "procurement", "", 1), "项目代码", ca.ErrImportText},
	}
	for _, c := range cases {
		w.rows = append(w.rows, c.row)
	}
	counts, err := w.run(t.Context(), []byte(w.table()), nil)
	w.must(err)
	if counts.Brought != 1 || counts.Refused != len(cases) {
		t.Errorf("%+v", counts)
	}
	var report bytes.Buffer
	r, err := takeover.NewReport(&report, takeover.Words{Headings: []string{"行"}, Refused: "未导入", Warning: "提醒",
		Of: func(e *certhall.Error) (string, string) { return locale.Error(locale.Chinese, e) }})
	w.must(err)
	at := map[int]takeover.Finding{}
	for _, f := range w.findings {
		w.must(r.Add(f))
		if !f.Warning {
			at[f.Row] = f
		}
	}
	for i, c := range cases {
		f := at[i+3] // the header and the good row come before
		if f.Column != c.column || f.Reason == nil || c.want != nil && !errors.Is(f.Reason, c.want) {
			t.Errorf("row %d: %+v, want %v at %s", i+3, f, c.want, c.column)
		}
	}
	if strings.Contains(report.String(), "12345") || strings.Contains(report.String(), "13800000001") {
		t.Error("the report repeats a phone number")
	}
	written := csv.NewReader(strings.NewReader(strings.TrimPrefix(report.String(), "\ufeff")))
	written.FieldsPerRecord = -1
	if lines, err := written.ReadAll(); err != nil || len(lines) != len(w.findings)+1 {
		t.Errorf("%d lines, %v", len(lines), err)
	}
	if at := w.findings[0]; at.Row != 1 || at.Column != "备注" || !at.Warning {
		t.Errorf("an unknown column: %+v", at)
	}
	w.sound()
}

// TestBrokenOff: a run that ends anywhere is run again to the same end.
func TestBrokenOff(t *testing.T) {
	w := newWorld(t, "sqlite-file")
	const rows = 700
	key := earlier.NewKey(t, gm.SM2)
	var bundle bytes.Buffer
	var last *smx509.Certificate
	for i := range rows {
		last = w.old.Issue(fmt.Sprint("单位", i), key.Public(), earlier.All, w.now.AddDate(-1, 0, 0), w.now.AddDate(0, 1, 0))
		bundle.Write(inPEM(last.Raw))
		w.row(number(last), fmt.Sprint("单位", i), fmt.Sprintf("1380000%04d", i), "")
	}
	w.file("certificates/all.pem", bundle.Bytes())
	broken := errors.New("broken off")
	for _, at := range []int{1, 2, 3} {
		calls := 0
		_, err := w.run(t.Context(), []byte(w.table()), func(r *takeover.Run) {
			r.Hall = hallThat{func(ctx context.Context, rows []accounts.Brought) ([]string, error) {
				if calls++; calls == at { // the authority has taken the batch, the hall has not
					return nil, broken
				}
				return w.desk.Bring(ctx, rows)
			}}
		})
		if !errors.Is(err, broken) {
			t.Fatal(err)
		}
	}
	counts, err := w.run(t.Context(), []byte(w.table()), nil)
	w.must(err)
	if counts.Brought+counts.There != rows || counts.There < 512 {
		t.Errorf("%+v", counts)
	}
	counts, err = w.run(t.Context(), []byte(w.table()), nil)
	w.must(err)
	if counts.There != rows || counts.Handlers+counts.Changed != 0 || len(w.handlers(last)) != 1 {
		t.Errorf("%+v", counts)
	}
	w.sound()
}

type hallThat struct {
	bring func(context.Context, []accounts.Brought) ([]string, error)
}

func (h hallThat) Bring(ctx context.Context, rows []accounts.Brought) ([]string, error) {
	return h.bring(ctx, rows)
}
