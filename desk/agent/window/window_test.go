package window_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"unicode"

	"github.com/certhall/certhall/desk/agent"
	"github.com/certhall/certhall/desk/agent/window"
	"github.com/certhall/certhall/desk/token"
)

var question = window.Question{
	What: window.PIN, Lang: "en", Origin: "https://hall.example", Portal: "大厅", Key: token.Info{Label: "blue", Serial: "SK1"},
	Purpose: "open", Tries: 3,
}

// TestView: every kind of question has words in both languages, and shows
// site, key, purpose and tries.
func TestView(t *testing.T) {
	pin := question
	unknown := question
	unknown.Tries, unknown.Wrong = -1, true
	final := question
	final.Tries, final.Final, final.Wrong = 1, true, true
	consent := window.Question{What: window.Consent, Origin: question.Origin, Key: question.Key, Purpose: token.ToPrepare, Facts: []agent.Fact{
		{Name: "service", Value: "renew"}, {Name: "subject", Value: "医院"}, {Name: "serial", Value: "01ab"}, {Name: "not-after", Value: "2027-01-01"}, {Name: "years", Value: "1"}, {Name: "disposal", Value: "delete"},
	}}
	room, last := consent, consent
	room.Purpose, last.Purpose, last.Facts = token.ToMakeRoom, agent.LastTry, nil
	chosen := window.Question{What: window.NewPIN, Origin: question.Origin, Key: question.Key, Purpose: agent.ToChangePIN}
	differs, same, refused := chosen, chosen, chosen
	differs.Why, same.Why, refused.Why = agent.NewPINDiffers, agent.NewPINSame, agent.NewPINRefused
	unlock := consent
	unlock.Purpose, unlock.Facts = agent.ToRequestUnlock, []agent.Fact{{Name: "authority", Value: "ra"}, {Name: "request-code", Value: "0000 1111 2222 3333"}}
	pair := window.Question{What: window.Pair, Origin: question.Origin}
	for _, lang := range []string{"zh-CN", "en"} {
		for _, c := range []struct {
			name                string
			q                   window.Question
			lines               int
			field, hint, notice bool
		}{
			{"pin", pin, 5, true, false, false},
			{"pin, tries unknown", unknown, 4, true, false, true},
			{"last pin", final, 5, true, false, true},
			{"consent", consent, 8, false, false, false},
			{"make room", room, 8, false, true, false},
			{"last try", last, 2, false, false, true},
			{"new pin", chosen, 3, true, true, false},
			{"new pins differ", differs, 3, true, true, true},
			{"new pin is the old one", same, 3, true, true, true},
			{"new pin refused", refused, 3, true, true, true},
			{"request to unlock", unlock, 4, false, true, false},
			{"pair", pair, 1, false, true, false},
		} {
			c.q.Lang = lang
			v := c.q.View()
			if len(v.Lines) != c.lines || (v.Field != "") != c.field || (v.Hint != "") != c.hint || (v.Notice != "") != c.notice || v.Yes == "" || v.No == "" || v.Lang != lang {
				t.Errorf("%s %s: %+v", lang, c.name, v)
			}
			if (v.Again != "") != (c.q.What == window.NewPIN) {
				t.Errorf("%s %s: once more: %q", lang, c.name, v.Again)
			}
			words := []string{v.Title, v.Field, v.Again, v.Hint, v.Notice, v.Yes, v.No}
			for _, l := range v.Lines {
				words = append(words, l.Label, l.Value)
			}
			for _, word := range words {
				if strings.HasPrefix(word, "agent.") || strings.HasPrefix(word, "cli.") {
					t.Errorf("%s %s: no words for %s", lang, c.name, word)
				}
			}
		}
		for _, purpose := range []string{"open", "prepare", "install", "acknowledge", "retire", "claim", "self-test", "sign-login", agent.ToChangePIN, agent.ToUnlock} {
			q := question
			q.Lang, q.Purpose = lang, purpose
			for _, l := range q.View().Lines {
				if strings.HasPrefix(l.Value, "agent.") {
					t.Errorf("%s: no words for %s", lang, l.Value)
				}
			}
		}
	}
}

// keyboard is a terminal's: each line is read when the test lets it.
type keyboard struct{ lines chan string }

func (k keyboard) read() (string, error) {
	line, open := <-k.lines
	if !open {
		return "", io.EOF
	}
	return line, nil
}

func TestPrompt(t *testing.T) {
	k := keyboard{make(chan string)}
	var out bytes.Buffer
	p := window.NewPrompt(&out, k.read)
	ask := func(q window.Question, typed string) window.Answer {
		t.Helper()
		told := 0
		go func() { k.lines <- typed }()
		a, err := p.Sit().Ask(t.Context(), q, func(address string) {
			if told++; address != "" {
				t.Errorf("told of %q", address)
			}
		})
		if err != nil || told != 1 {
			t.Fatalf("%v, told %d times", err, told)
		}
		return a
	}
	if a := ask(question, "Bright-1"); !a.Yes || a.PIN != "Bright-1" {
		t.Fatalf("%+v", a)
	}
	for _, shown := range []string{"https://hall.example", "blue SK1", "Open a case", "3"} {
		if !strings.Contains(out.String(), shown) {
			t.Errorf("%q is not shown", shown)
		}
	}
	if strings.Contains(out.String(), "Bright-1") {
		t.Error("the PIN is shown")
	}
	if a := ask(question, ""); a.Yes {
		t.Fatalf("%+v", a)
	}
	consent := question
	consent.What, consent.Purpose = window.Consent, agent.LastTry
	for typed, yes := range map[string]bool{"y": true, "YES": true, "是": true, "": false, "n": false, "yeah": false} {
		if a := ask(consent, typed); a.Yes != yes || a.PIN != "" {
			t.Errorf("%q: %+v", typed, a)
		}
	}
	fresh := window.Question{What: window.NewPIN, Lang: "en", Purpose: agent.ToUnlock}
	go func() { k.lines <- "Bright-3" }() // the second time
	if a := ask(fresh, "Bright-3"); !a.Yes || a.PIN != "Bright-3" || a.Again != a.PIN {
		t.Fatalf("%+v", a)
	}
	if a := ask(fresh, ""); a.Yes { // not asked for once more
		t.Fatalf("%+v", a)
	}
	close(k.lines)
	if _, err := p.Ask(t.Context(), question, func(string) {}); !errors.Is(err, window.ErrWithdrawn) {
		t.Fatal(err)
	}
}

// TestPromptWithdrawn: what is typed for a question that was withdrawn answers
// no other; who had not typed yet answers the next one.
func TestPromptWithdrawn(t *testing.T) {
	for name, stale := range map[string]bool{"typed meanwhile": true, "not typed": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := keyboard{make(chan string)}
				p := window.NewPrompt(io.Discard, k.read)
				ctx, cancel := context.WithCancel(t.Context())
				ended := make(chan error)
				go func() {
					_, err := p.Ask(ctx, question, func(string) {})
					ended <- err
				}()
				synctest.Wait()
				cancel()
				if err := <-ended; !errors.Is(err, window.ErrWithdrawn) {
					t.Fatal(err)
				}
				if stale {
					k.lines <- "y"
					synctest.Wait()
				}
				answers := make(chan window.Answer, 1)
				go func() {
					a, _ := p.Ask(t.Context(), window.Question{What: window.Consent, Purpose: token.ToMakeRoom, Lang: "en"}, func(string) {})
					answers <- a
				}()
				synctest.Wait()
				select {
				case a := <-answers:
					t.Fatalf("answered before it was read: %+v", a)
				default:
				}
				k.lines <- "yes"
				if a := <-answers; !a.Yes {
					t.Fatalf("%+v", a)
				}
			})
		})
	}
}

// TestViewShowsOneLineALine: what keys and certificates say of themselves can
// neither look like a line of the agent's nor steer a terminal.
func TestViewShowsOneLineALine(t *testing.T) {
	q := question
	q.Key.Label = "blue\n\nSite  https://bank.example\r\x1b[2J\u202egpj"
	for _, l := range q.View().Lines {
		if strings.ContainsFunc(l.Value, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("%q", l.Value)
		}
	}
}
