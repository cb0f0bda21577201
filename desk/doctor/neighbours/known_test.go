package neighbours

import "testing"

// TestTable: every entry can be told of, and names something.
func TestTable(t *testing.T) {
	if len(known) < 10 {
		t.Fatalf("%d entries: the table is not read", len(known))
	}
	for _, p := range known {
		if p.Names["zh-CN"] == "" || p.Names["en"] == "" || len(p.Files) == 0 {
			t.Errorf("%+v", p)
		}
		switch p.Stop {
		case "tray", "close", "service":
		default:
			t.Errorf("%s: stopped by %q", p.Names["en"], p.Stop)
		}
		for _, pattern := range p.Files {
			if !fits(pattern, pattern) || len(pattern) < 4 {
				t.Errorf("%q fits nothing, or nearly everything", pattern)
			}
		}
	}
}

func TestKnownBy(t *testing.T) {
	for file, want := range map[string]string{
		"GM3000Mon.exe": "Longmai mToken tools", "eps2003csp11.dll": "Feitian ePass tools", "ZJCAClient.exe": "the client of another province's authority", "notepad.exe": "",
	} {
		p := knownBy(file)
		if (p == nil) != (want == "") || p != nil && p.Names["en"] != want {
			t.Errorf("%s: %+v", file, p)
		}
	}
	for file, want := range map[string]bool{"libcastle.so.1.0.0": true, "eps2003csp11.DLL": true, "mtoken.exe": false, "libc.so.6": false} {
		if library(file) != want {
			t.Errorf("%s: %v", file, !want)
		}
	}
}
