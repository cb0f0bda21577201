package takeover

import (
	"encoding/asn1"
	"errors"
	"io"
	"math/big"
	"path/filepath"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/emmansun/gmsm/smx509"
	"golang.org/x/text/unicode/norm"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/hall/accounts"
)

// prepared is a row that has everything.
type prepared struct {
	ca.Import
	row            int
	serial         certhall.Serial
	phone, handler string
	admin          string // phone of the organisation's administrator
}

// refusal says that a row is not taken.
type refusal struct {
	column string
	reason *certhall.Error
}

func refused(column string, reason *certhall.Error) *refusal { return &refusal{column, reason} }

// prepare finds a row's certificates and reads what it says; nil where it is
// refused. The findings' columns are ours.
func (r *Run) prepare(f fields, files *Files, base int, seen map[certhall.Serial]int) (*prepared, []Finding) {
	p := &prepared{row: f.row, handler: f.values[colHandler]}
	findings, no := r.fill(p, f, files, base)
	if no == nil {
		if first, twice := seen[p.serial]; twice {
			no = refused(colSerial, ErrTwice.With("row", itoa(first)))
		} else {
			seen[p.serial] = f.row
		}
	}
	if no != nil {
		return nil, append(findings, Finding{Column: no.column, Serial: string(p.serial), Reason: no.reason})
	}
	for i := range findings {
		findings[i].Warning, findings[i].Serial = true, string(p.serial)
	}
	return p, findings
}

func itoa(n int) string { return big.NewInt(int64(n)).String() }

// fill answers warnings, or why the row is refused.
func (r *Run) fill(p *prepared, f fields, files *Files, base int) (warnings []Finding, no *refusal) {
	for column, value := range f.values {
		if strings.ContainsRune(value, utf8.RuneError) {
			return nil, refused(column, ErrCharacters)
		}
		if shortened.MatchString(value) && (column == colSerial || column == colEncSerial || column == colPhone || column == colAdmin || column == colKeyNumber || column == colKeySerial) {
			return nil, refused(column, ErrShortened)
		}
	}
	if no := standingOf(f.values[colState]); no != nil {
		return nil, no
	}
	sign, no := files.sign(f, base)
	if no != nil {
		return nil, no
	}
	p.serial = sign.serial
	c, no := p.loadPair(f, files, sign, base)
	if no != nil {
		return nil, no
	}
	warn := func(column string, reason *certhall.Error) {
		warnings = append(warnings, Finding{Column: column, Reason: reason})
	}
	p.Organisation = strings.ToUpper(norm.NFKC.String(f.values[colCode]))
	if told := codeIn(c); p.Organisation == "" {
		p.Organisation = told
	} else if told != "" && told != p.Organisation {
		warn(colCode, ErrCodeOther)
	}
	if p.Organisation != "" && !certhall.ValidCreditCode(p.Organisation) {
		warn(colCode, ErrCode)
	}
	if name := f.values[colOrganisation]; name != "" && !strings.Contains(c.Subject.String(), name) && utf8.ValidString(c.Subject.CommonName) {
		warn(colOrganisation, ErrHolderName)
	}
	p.Project, p.KeyNumber, p.KeySerial, p.Holder = f.values[colProject], f.values[colKeyNumber], f.values[colKeySerial], f.values[colHolder]
	if p.Profile = f.values[colProfile]; r.Profiles[p.Profile] != "" {
		p.Profile = r.Profiles[p.Profile]
	}
	if p.Profile == "" {
		p.Profile = profileOf(c)
	}
	if p.phone = norm.NFKC.String(f.values[colPhone]); p.phone != "" {
		phone, err := accounts.ParsePhone(p.phone)
		if err != nil {
			return nil, refused(colPhone, certhall.AsError(err))
		}
		p.phone = phone
	} else if p.handler != "" {
		warn(colHandler, ErrNoPhone)
	}
	if no := p.readAdmin(f.values[colAdmin]); no != nil {
		return nil, no
	}
	if p.admin != "" && p.Organisation == "" {
		warn(colAdmin, ErrNoOrganisation)
	}
	return warnings, nil
}

// readAdmin reads who administers the row's organisation: a phone, or a yes that
// means the handler.
func (p *prepared) readAdmin(typed string) *refusal {
	switch strings.ToLower(typed) {
	case "", "否", "no":
		return nil
	case "是", "yes":
		if p.phone == "" {
			return refused(colAdmin, ErrNoPhone)
		}
		p.admin = p.phone
		return nil
	}
	phone, err := accounts.ParsePhone(norm.NFKC.String(typed))
	if err != nil {
		return refused(colAdmin, certhall.AsError(err))
	}
	p.admin = phone
	return nil
}

// shortened is how spreadsheets write long numbers when nobody stops them.
var shortened = regexp.MustCompile(`^[0-9]+([.,][0-9]+)?[eE]\+[0-9]+$`)

// standingOf refuses what the table itself calls revoked or suspended.
func standingOf(state string) *refusal {
	switch strings.ToLower(state) {
	case "", "正常", "有效", "已签发", "过期", "已过期", "normal", "valid", "good", "issued", "expired":
		return nil
	case "注销", "已注销", "吊销", "已吊销", "撤销", "已撤销", "作废", "已作废", "revoked":
		return refused(colState, authority.ErrRevoked)
	case "冻结", "已冻结", "挂起", "已挂起", "suspended", "hold":
		return refused(colState, authority.ErrSuspended)
	}
	return refused(colState, ErrState)
}

// sign finds the row's signing certificate, by file and by serial number.
func (f *Files) sign(row fields, base int) (*entry, *refusal) {
	byFile, no := f.named(row, colCertificate)
	if no != nil {
		return nil, no
	}
	bySerial, no := f.numbered(row, colSerial, base)
	switch {
	case no != nil:
		return nil, no
	case byFile != nil && bySerial != nil && byFile != bySerial:
		return nil, refused(colSerial, ErrNotTheSame)
	case byFile != nil:
		return byFile, nil
	case bySerial != nil:
		return bySerial, nil
	}
	return nil, refused(colSerial, ErrSerial)
}

func (f *Files) named(row fields, column string) (*entry, *refusal) {
	name := row.values[column]
	if name == "" {
		return nil, nil
	}
	e := f.byFile[strings.ToLower(filepath.Base(strings.ReplaceAll(name, `\`, "/")))]
	if e == nil {
		return nil, refused(column, ErrNoFile)
	}
	return e, nil
}

// plain is a serial number without what is written around it.
func plain(serial string) string {
	serial = strings.ToLower(strings.NewReplacer(" ", "", ":", "", "-", "").Replace(serial))
	return strings.TrimPrefix(serial, "0x")
}

// numbered finds a certificate by its serial number.
func (f *Files) numbered(row fields, column string, base int) (*entry, *refusal) {
	text := plain(row.values[column])
	if text == "" {
		return nil, nil
	}
	n, ok := new(big.Int).SetString(text, base)
	if !ok || len(text) > 64 || n.Sign() <= 0 {
		return nil, refused(column, ErrSerial)
	}
	found := f.bySerial[certhall.SerialOf(n)]
	switch {
	case found == nil:
		return nil, refused(column, ErrNoFile)
	case found.ambiguous:
		return nil, refused(column, ErrTwoFiles)
	}
	return found, nil
}

// base finds out how the table writes serial numbers. A letter in any of them
// tells; else the way by which there is a certificate for every one. Where both
// ways fit, somebody has to say it: certificates must not be mistaken.
func (r *Run) base(table io.ReadSeeker, files *Files) (int, error) {
	if r.Serials != 0 {
		return r.Serials, nil
	}
	t, err := openTable(table)
	if err != nil {
		return 0, err
	}
	found, rows := map[int]int{}, 0
	for {
		row, err := t.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return 0, err
		}
		text := plain(row.values[colSerial])
		if shortened.MatchString(row.values[colSerial]) || text == "" {
			continue
		}
		rows++
		for _, base := range []int{16, 10} {
			n, ok := new(big.Int).SetString(text, base)
			if !ok && base == 10 {
				if _, hex := new(big.Int).SetString(text, 16); hex {
					_, err = table.Seek(0, io.SeekStart)
					return 16, err
				}
			}
			if ok && files.bySerial[certhall.SerialOf(n)] != nil {
				found[base]++
			}
		}
	}
	if _, err := table.Seek(0, io.SeekStart); err != nil {
		return 0, err
	}
	switch {
	case found[10] == 0 || found[16] == rows && found[10] < rows:
		return 16, nil
	case found[16] == 0 || found[10] == rows && found[16] < rows:
		return 10, nil
	}
	return 0, ErrBase
}

// single is written where a certificate has no other for encryption.
var single = map[string]bool{"-": true, "无": true, "none": true, "single": true, "单证书": true}

// loadPair reads the signing certificate and finds the one for encryption.
func (p *prepared) loadPair(row fields, files *Files, sign *entry, base int) (*smx509.Certificate, *refusal) {
	der, err := sign.where.load()
	if err != nil {
		return nil, refused(colCertificate, ErrNoFile.Because(err))
	}
	c, err := gm.ParseCertificate(der)
	if err != nil {
		return nil, refused(colCertificate, ca.ErrImportCertificate.Because(err))
	}
	p.Sign = der
	enc, no := files.encryption(row, sign, c, base)
	if no != nil || enc == nil {
		return c, no
	}
	if p.Enc, err = enc.where.load(); err != nil {
		return nil, refused(colEnc, ErrNoFile.Because(err))
	}
	return c, nil
}

// encryption finds the encryption certificate: by the table, else by subject
// and term, else by the neighbouring serial number; nil for a single one.
func (f *Files) encryption(row fields, sign *entry, c *smx509.Certificate, base int) (*entry, *refusal) {
	if single[row.values[colEncSerial]] || single[row.values[colEnc]] {
		return nil, nil
	}
	if e, no := f.named(row, colEnc); no != nil || e != nil {
		return e, no
	}
	if e, no := f.numbered(row, colEncSerial, base); no != nil || e != nil {
		return e, no
	}
	if algorithm, err := gm.AlgorithmOf(c.PublicKey); err != nil || algorithm != gm.SM2 {
		return nil, nil
	}
	const day = 24 * 60 * 60
	near := func(a, b int64) bool { return max(a, b)-min(a, b) <= day }
	var fit, beside []*entry
	for _, e := range f.bySubject[sign.subject] {
		if near(e.from, sign.from) && near(e.to, sign.to) {
			fit = append(fit, e)
			if d := new(big.Int).Sub(e.serial.Big(), sign.serial.Big()); d.CmpAbs(big.NewInt(1)) == 0 {
				beside = append(beside, e)
			}
		}
	}
	switch {
	case len(fit) == 1:
		return fit[0], nil
	case len(beside) == 1:
		return beside[0], nil
	case len(fit) > 1:
		return nil, refused(colEncSerial, ErrEncTwo)
	case c.KeyUsage == 0 || c.KeyUsage&(smx509.KeyUsageKeyEncipherment|smx509.KeyUsageDataEncipherment|smx509.KeyUsageKeyAgreement) != 0:
		return nil, nil // for all uses
	case encryptsOnly(c):
		return nil, refused(colSerial, ca.ErrImportUsage)
	}
	return nil, refused(colEncSerial, ErrEncMissing)
}

// profileOf is the profile where the table names none.
func profileOf(c *smx509.Certificate) string {
	algorithm, err := gm.AlgorithmOf(c.PublicKey)
	if err != nil {
		return ""
	}
	return map[gm.Algorithm]string{gm.SM2: "organisation", gm.RSA: "rsa2048", gm.ECDSA: "p256"}[algorithm]
}

// codeIn is the 统一社会信用代码 in a certificate's identity extensions, or "".
func codeIn(c *smx509.Certificate) string {
	for _, e := range c.Extensions {
		switch e.Id.String() {
		case "1.2.156.10260.4.4", "1.2.156.10260.4.1.4":
			var value asn1.RawValue
			if _, err := asn1.Unmarshal(e.Value, &value); err == nil && len(value.Bytes) == 18 && !strings.ContainsFunc(string(value.Bytes), func(r rune) bool { return r > unicode.MaxASCII }) {
				return string(value.Bytes)
			}
		}
	}
	return ""
}
