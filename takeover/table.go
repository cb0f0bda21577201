package takeover

import (
	"bufio"
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/transform"
	"golang.org/x/text/unicode/norm"

	"github.com/certhall/certhall/authority/ca"
)

// Columns, by the names that findings use.
const (
	colSerial       = "serial"
	colEncSerial    = "enc_serial"
	colCertificate  = ca.FieldSign
	colEnc          = ca.FieldEnc
	colKeyNumber    = ca.FieldKeyNumber
	colKeySerial    = ca.FieldKeySerial
	colCode         = ca.FieldOrganisation
	colOrganisation = "organisation"
	colProject      = ca.FieldProject
	colProfile      = ca.FieldProfile
	colHandler      = "handler_name"
	colPhone        = "handler_phone"
	colAdmin        = "admin"
	colHolder       = ca.FieldHolder
	colState        = "state"
)

// headings are what a table may call its columns; docs/importing.md lists them.
var headings = map[string][]string{
	colSerial:       {"序列号", "证书序列号", "签名证书序列号"},
	colEncSerial:    {"加密证书序列号"},
	colCertificate:  {"证书文件", "签名证书文件"},
	colEnc:          {"加密证书文件"},
	colKeyNumber:    {"证书卡号", "卡号"},
	colKeySerial:    {"介质序列号", "设备序列号"},
	colCode:         {"统一社会信用代码"},
	colOrganisation: {"单位名称", "单位"},
	colProject:      {"项目代码", "项目"},
	colProfile:      {"证书模板", "证书类型"},
	colHandler:      {"经办人", "经办人姓名"},
	colPhone:        {"手机号", "经办人手机号", "手机号码"},
	colAdmin:        {"管理员", "管理员手机号", "单位管理员"},
	colHolder:       {"持有人编号"},
	colState:        {"状态", "证书状态"},
}

// table reads a CSV file row by row.
type table struct {
	csv    *csv.Reader
	column map[string]int // by our name
	names  []string       // as the table writes them
	others []string       // columns that mean nothing here
}

// fields are one row's, by our names of the columns.
type fields struct {
	row    int
	values map[string]string
}

// openTable finds out how a table is written: UTF-8, with or without a byte
// order mark, or GB18030, as Chinese Excel writes; separated by commas,
// semicolons or tabs.
func openTable(file io.ReadSeeker) (*table, error) {
	text, err := decoded(file)
	if err != nil {
		return nil, err
	}
	begin := bufio.NewReaderSize(text, 64<<10)
	head, err := begin.Peek(begin.Size())
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, ErrTable.Because(err)
	}
	line, _, _ := strings.Cut(string(head), "\n")
	t := &table{csv: csv.NewReader(begin), column: map[string]int{}}
	t.csv.FieldsPerRecord, t.csv.LazyQuotes = -1, true
	for _, separator := range ";\t" {
		if strings.Count(line, string(separator)) > strings.Count(line, string(t.csv.Comma)) {
			t.csv.Comma = separator
		}
	}
	if t.names, err = t.csv.Read(); err != nil {
		return nil, ErrTable.Because(err)
	}
	t.names = slices.Clone(t.names)
	for i, name := range t.names {
		t.names[i] = strings.TrimSpace(strings.TrimPrefix(name, "\ufeff"))
		ours := columnOf(t.names[i])
		if _, twice := t.column[ours]; twice && ours != "" {
			return nil, ErrColumnTwice.With("column", t.names[i])
		}
		switch {
		case ours != "":
			t.column[ours] = i
		case t.names[i] != "":
			t.others = append(t.others, t.names[i])
		}
	}
	_, serial := t.column[colSerial]
	_, certificate := t.column[colCertificate]
	if !serial && !certificate {
		return nil, ErrHeader.With("column", headings[colSerial][0])
	}
	if _, project := t.column[colProject]; !project {
		return nil, ErrHeader.With("column", headings[colProject][0])
	}
	return t, nil
}

// decoded gives the file's text in UTF-8.
func decoded(file io.ReadSeeker) (io.Reader, error) {
	whole, err := isUTF8(file)
	if err == nil {
		_, err = file.Seek(0, io.SeekStart)
	}
	switch {
	case err != nil:
		return nil, ErrTable.Because(err)
	case whole:
		return file, nil
	}
	return transform.NewReader(file, simplifiedchinese.GB18030.NewDecoder()), nil
}

// isUTF8 reads the file to its end.
func isUTF8(file io.Reader) (bool, error) {
	buffer, kept := make([]byte, 256<<10), 0
	for {
		n, err := file.Read(buffer[kept:])
		n += kept
		valid := 0
		for valid < n {
			r, size := utf8.DecodeRune(buffer[valid:n])
			if r == utf8.RuneError && size <= 1 {
				if utf8.FullRune(buffer[valid:n]) {
					return false, nil
				}
				break // the rest of the character is to come
			}
			valid += size
		}
		kept = copy(buffer, buffer[valid:n])
		if errors.Is(err, io.EOF) {
			return kept == 0, nil
		}
		if err != nil {
			return false, err
		}
	}
}

// columnOf is our name of a column; "" for one that means nothing here.
func columnOf(name string) string {
	plain := func(s string) string {
		return strings.ToLower(strings.NewReplacer(" ", "", "_", "", "-", "", "　", "", "*", "").Replace(norm.NFKC.String(s)))
	}
	for ours, others := range headings {
		if plain(name) == plain(ours) || slices.ContainsFunc(others, func(o string) bool { return plain(o) == plain(name) }) {
			return ours
		}
	}
	return ""
}

// heading is a column as the table writes it.
func (t *table) heading(ours string) string {
	if i, ok := t.column[ours]; ok {
		return t.names[i]
	}
	return ours
}

// next reads the next row that is not empty; io.EOF at the end.
func (t *table) next() (fields, error) {
	for {
		record, err := t.csv.Read()
		if errors.Is(err, io.EOF) {
			return fields{}, io.EOF
		}
		if err != nil {
			return fields{}, ErrTable.Because(err)
		}
		row, _ := t.csv.FieldPos(0)
		f := fields{row: row, values: map[string]string{}}
		for name, i := range t.column {
			if i < len(record) {
				if v := cell(record[i]); v != "" {
					f.values[name] = v
				}
			}
		}
		if len(f.values) > 0 {
			return f, nil
		}
	}
}

// cell is what a cell says, without what spreadsheets wrap around numbers so
// that they stay as they are.
func cell(s string) string {
	s = strings.TrimSpace(s)
	if inner, ok := strings.CutPrefix(s, `="`); ok && strings.HasSuffix(inner, `"`) {
		s = strings.TrimSuffix(inner, `"`)
	}
	return strings.TrimSpace(strings.TrimPrefix(s, "'"))
}
