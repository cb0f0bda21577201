package main

import (
	"bytes"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/certhall/certhall/hall/services"
)

// TestJournalIsSentences: every kind of event has its sentence in both
// languages, with what the entry says filled in.
func TestJournalIsSentences(t *testing.T) {
	source, err := os.ReadFile("../../hall/services/event.go")
	if err != nil {
		t.Fatal(err)
	}
	kinds := regexp.MustCompile(`EventKind = "([^"]+)"`).FindAllSubmatch(source, -1)
	if len(kinds) < 20 {
		t.Fatalf("%d kinds of event are found", len(kinds))
	}
	for _, lang := range []string{"zh-CN", "en"} {
		for _, kind := range kinds {
			var out bytes.Buffer
			e := &environment{out: &out, lang: lang}
			e.journalEntry(services.Entry{Kind: services.EventKind(kind[1]), At: time.Now(), Data: `{"attempt":1,"reason":"sealed"}`})
			if s := out.String(); strings.ContainsAny(s, "{}") || strings.Contains(s, "cli.") {
				t.Errorf("%s: %s", lang, s)
			}
		}
	}
}

func TestJournalTellsWhatTheEntrySays(t *testing.T) {
	for name, c := range map[string]struct {
		kind services.EventKind
		data string
		want []string
	}{
		"terms":    {services.EvIdentified, `{"key_serial":"K1","terms":{"term_years":2,"disposal":"delete"},"errands":[{"case":"c","attempt":1}]}`, []string{"the key K1 was read", "2 year(s)", "deleted once confirmed", "1 old thing(s)"}},
		"phone":    {services.EvPhoneProved, `{"phone":"138****0001"}`, []string{"the phone 138****0001 is proved"}},
		"trouble":  {services.EvTrouble, `{"attempt":1,"reason":"key-full"}`, []string{"the key is full"}},
		"refused":  {services.EvRefused, `{"problem":{"code":"too-late","params":{"date":"2026-12-01"}}}`, []string{"refused: The time for repair ended on 2026-12-01"}},
		"delayed":  {services.EvDelayed, `{"reason":"sealed"}`, []string{"cannot act at this moment: The"}},
		"officer":  {services.EvCloseAsked, `{"reason":"asked for by phone","operator":"officer-1"}`, []string{"to be closed", "reason: asked for by phone", "ordered by: officer-1"}},
		"tampered": {services.EvIssued, `{"attempt":`, []string{`issued  {"attempt":`}},
	} {
		var out bytes.Buffer
		e := &environment{out: &out, lang: "en"}
		e.journalEntry(services.Entry{Kind: c.kind, At: time.Now(), Data: c.data})
		for _, want := range c.want {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%s: without %q: %s", name, want, out.String())
			}
		}
	}
}
