package e2e

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/gm"
)

// Debian's libbcprov-java and libbcpkix-java (scripts/needs installs them).
const bouncyCastle = "/usr/share/java/bcprov.jar:/usr/share/java/bcpkix.jar:/usr/share/java/bcutil.jar"

func java(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// TestBouncyCastle lets Bouncy Castle verify and read both certificates, the
// request and the envelope (bc/Check.java).
func TestBouncyCastle(t *testing.T) {
	i := issue(t)
	classes := t.TempDir()
	java(t, "javac", "-d", classes, "-cp", bouncyCastle, "bc/Check.java")
	out := java(t, "java", "-Dfile.encoding=UTF-8", "-cp", classes+":"+bouncyCastle, "Check", i.dir)
	found := map[string]string{}
	for _, line := range strings.Split(strings.TrimSpace(out), "\n") {
		name, value, _ := strings.Cut(line, " = ")
		found[name] = value
	}
	const (
		name    = "2.5.4.6:DERPrintableString 2.5.4.10:DERUTF8String 2.5.4.3:DERUTF8String"
		key     = "1.2.840.10045.2.1 1.2.156.10197.1.301"
		sm2sm3  = "1.2.156.10197.1.501"
		ordered = "1.2.156.10260.4.4, 1.3.6.1.5.5.7.1.1, 2.5.29.14, 2.5.29.31, 2.5.29.35"
	)
	want := map[string]string{
		"sign.path": "valid", "enc.path": "valid", "sign.version": "3", "enc.version": "3",
		"sign.signature": sm2sm3, "enc.signature": sm2sm3, "sign.key": key, "enc.key": key,
		"sign.subject-encodings": name, "enc.subject-encodings": name, "sign.issuer-encodings": name, "enc.issuer-encodings": name,
		"sign.key-usage": "[0, 1]", "enc.key-usage": "[2, 3, 4]",
		"sign.critical": "[2.5.29.15, 2.5.29.19]", "enc.critical": "[2.5.29.15, 2.5.29.19]",
		"sign.not-critical": "[1.2.156.10260.4.4, 1.3.6.1.5.5.7.1.1, 2.5.29.14, 2.5.29.31, 2.5.29.35, 2.5.29.37]",
		"enc.not-critical":  "[" + ordered + "]",
		"sign.ca":           "false", "enc.ca": "false", "sign.der": "true", "enc.der": "true",
		"request.signature": "valid", "request.key": "the certificate's",
		"envelope.algorithm": "1.2.156.10197.1.104.1", "envelope.length": "32", "envelope.key": "the encryption certificate's",
	}
	for half, der := range map[string][]byte{"sign": i.bundle.Sign, "enc": i.bundle.Enc} {
		c, err := gm.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		want[half+".serial"] = c.SerialNumber.Text(16)
		want[half+".not-before"] = c.NotBefore.UTC().Format("2006-01-02T15:04:05Z")
		want[half+".not-after"] = c.NotAfter.UTC().Format("2006-01-02T15:04:05Z")
		if years := certhall.AddYears(c.NotBefore, applicant.TermYears); c.NotAfter.Sub(years).Abs().Minutes() > 6 {
			t.Errorf("%s ends %s, begun %s", half, c.NotAfter, c.NotBefore)
		}
	}
	for name, w := range want {
		if found[name] != w {
			t.Errorf("%s: Bouncy Castle reads %q, want %q", name, found[name], w)
		}
	}
	if found["sign.serial"] == found["enc.serial"] {
		t.Error("both halves carry one serial")
	}
	t.Logf("subject: %s", found["sign.subject"])
}
