package work_test

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/certhall/certhall/hall/work"
)

type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }

func TestWork(t *testing.T) {
	at := &clock{time.Date(2026, 11, 22, 4, 0, 0, 0, time.UTC)}
	m := work.Maker{Difficulty: 100, Secret: []byte("s"), Clock: at, Random: rand.Reader}
	c, err := m.New()
	if err != nil || !c.Needed {
		t.Fatal(c, err)
	}
	done, err := work.Solve(c)
	if err != nil {
		t.Fatal(err)
	}
	solved, err := m.Check(done)
	if err != nil || len(solved.ID) == 0 || !solved.Expires.Equal(at.now.Add(work.Life)) {
		t.Fatal(solved, err)
	}
	change := func(f func(p map[string]any)) string {
		data, _ := base64.StdEncoding.DecodeString(done)
		p := map[string]any{}
		if err := json.Unmarshal(data, &p); err != nil {
			t.Fatal(err)
		}
		f(p)
		data, _ = json.Marshal(p)
		return base64.StdEncoding.EncodeToString(data)
	}
	for name, payload := range map[string]string{
		"none": "", "no base64": "{", "no JSON": base64.StdEncoding.EncodeToString([]byte("x")),
		"another number":    change(func(p map[string]any) { p["number"] = p["number"].(float64) + 1 }),
		"another end":       change(func(p map[string]any) { p["salt"] = p["salt"].(string)[:24] + "?expires=9999999999&" }),
		"an end that grew":  change(func(p map[string]any) { s := p["salt"].(string); p["salt"] = s[:len(s)-1] + "1&" }),
		"digits moved":      change(func(p map[string]any) { p["salt"] = p["salt"].(string) + "1" }),
		"a weaker hash":     change(func(p map[string]any) { p["algorithm"] = "SHA-1" }),
		"another signature": change(func(p map[string]any) { p["signature"] = "00" }),
	} {
		want := work.ErrWrong
		if name == "none" {
			want = work.ErrNeeded
		}
		if _, err := m.Check(payload); !errors.Is(err, want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	other := m
	other.Secret = []byte("t")
	if _, err := other.Check(done); !errors.Is(err, work.ErrWrong) {
		t.Errorf("another hall's: %v", err)
	}
	at.now = at.now.Add(work.Life)
	if _, err := m.Check(done); !errors.Is(err, work.ErrWrong) {
		t.Errorf("late: %v", err)
	}
}

func TestNoWork(t *testing.T) {
	c, err := work.Maker{}.New()
	if err != nil || c.Needed {
		t.Fatal(c, err)
	}
	if done, err := work.Solve(c); done != "" || err != nil {
		t.Error(done, err)
	}
	if _, err := (work.Maker{}).Check(""); err != nil {
		t.Error(err)
	}
}
