// Package locale holds every text that people read, in Chinese and English,
// one file a language: key → text. The rooms speak in codes and keys; only the
// edges (command line, web) turn them into words here. Beyond the two files
// nothing in the house contains sentences for users.
package locale

import (
	"embed"
	"encoding/json"
	"strings"

	"golang.org/x/text/language"

	"github.com/certhall/certhall"
)

// The languages there are.
const (
	Chinese = "zh-CN" // first: what is spoken where nothing else is asked for
	English = "en"
)

//go:embed zh-CN.json en.json
var files embed.FS

var texts = map[string]map[string]string{Chinese: load(Chinese), English: load(English)}

func load(lang string) map[string]string {
	data, err := files.ReadFile(lang + ".json")
	if err != nil {
		panic("locale: " + err.Error())
	}
	var m map[string]string
	if err := json.Unmarshal(data, &m); err != nil {
		panic("locale: " + lang + ".json: " + err.Error())
	}
	return m
}

// Text is the text of a key in a language, its {name} placeholders replaced by
// params. A language there is not speaks Chinese; a key there is not shows
// itself, so that a gap is seen and not silent.
func Text(lang, key string, params map[string]string) string {
	m, ok := texts[lang]
	if !ok {
		m = texts[Chinese]
	}
	text, ok := m[key]
	if !ok {
		return key
	}
	if uncounted, ok := m[key+".uncounted"]; ok && params["tries"] == "-1" {
		text = uncounted // the tries that are left, where a key's driver cannot tell them
	}
	pairs := make([]string, 0, 2*len(params))
	for name, value := range params {
		pairs = append(pairs, "{"+name+"}", value)
	}
	return strings.NewReplacer(pairs...).Replace(text) // once: what a value says in braces stays as it is
}

// Error is what people are told of an error: what happened, and what to do next.
// Where a key does not count tries (parameter tries is -1), the text beside says so.
func Error(lang string, e *certhall.Error) (message, hint string) {
	key := "error." + e.Code
	message = Text(lang, key, e.Params)
	if e.Params["tries"] == "-1" {
		if own := Text(lang, key+".uncounted", nil); own != key+".uncounted" {
			message = own
		}
	}
	return message, Text(lang, key+".hint", e.Params)
}

// ErrorForOfficer is Error for whoever runs the authority: he holds no key and
// continues no case, so some errors have a hint of their own for him.
func ErrorForOfficer(lang string, e *certhall.Error) (message, hint string) {
	message, hint = Error(lang, e)
	key := "error." + e.Code + ".hint.officer"
	if own := Text(lang, key, e.Params); own != key {
		hint = own
	}
	return message, hint
}

// Pick chooses a language by an Accept-Language header (RFC 9110, 12.5.4) or
// the value of LANG. Nothing asked for is Chinese, a language there is not is
// English.
func Pick(asked string) string {
	if !strings.ContainsAny(asked, ",;") { // LANG, such as zh_CN.UTF-8
		asked, _, _ = strings.Cut(asked, ".")
		asked = strings.ReplaceAll(asked, "_", "-")
	}
	switch asked {
	case "", "C", "POSIX", "*":
		return Chinese
	}
	tags, _, err := language.ParseAcceptLanguage(asked)
	if err != nil || len(tags) == 0 {
		return Chinese
	}
	for _, tag := range tags {
		switch base, _ := tag.Base(); base.String() {
		case "zh":
			return Chinese
		case "en":
			return English
		}
	}
	return English
}
