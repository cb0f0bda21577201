package local

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/certhall/certhall/desk/desktest"
)

// connected is a connection to the service as it is run, with less patience.
func connected(t *testing.T, impatient func(*http.Server)) net.Conn {
	t.Helper()
	l, err := Listen(0)
	if err != nil {
		t.Fatal(err)
	}
	g := newGuard(&clock{t: desktest.Now})
	g.hosts[0] = l.Addr().String()
	server := newHTTP(g)
	impatient(server)
	go server.Serve(l)
	t.Cleanup(func() { server.Close() })
	c, err := net.Dial("tcp4", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return c
}

func noPatience(s *http.Server) {
	if s.ReadTimeout == 0 || s.WriteTimeout == 0 {
		return // what was never bounded is not made so here
	}
	s.ReadTimeout = time.Millisecond
}

// TestSlowBody: who does not send in time is let go, also where what he sends
// is not read.
func TestSlowBody(t *testing.T) {
	for name, c := range map[string]struct {
		request string
		status  int
	}{
		"a portal's":    {"POST /keys HTTP/1.1\r\nOrigin: " + portal, http.StatusRequestTimeout},
		"a stranger's":  {"POST /keys HTTP/1.1\r\nOrigin: https://evil.example", http.StatusForbidden},
		"a preflight's": {"OPTIONS /keys HTTP/1.1\r\nOrigin: " + portal, http.StatusNoContent},
		"the window's":  {"GET /ui HTTP/1.1\r\nAccept: */*", http.StatusOK},
	} {
		t.Run(name, func(t *testing.T) {
			conn := connected(t, noPatience)
			fmt.Fprintf(conn, "%s\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{", c.request, conn.RemoteAddr())
			answer := bufio.NewReader(conn)
			resp, err := http.ReadResponse(answer, nil)
			if err != nil || resp.StatusCode != c.status {
				t.Fatalf("%v, %v", resp, err)
			}
			if _, err := io.Copy(io.Discard, answer); err != nil {
				t.Fatalf("the connection stays: %v", err)
			}
		})
	}
}

// TestUnreadAnswers: who asks on and on and reads no answer is let go.
func TestUnreadAnswers(t *testing.T) {
	conn := connected(t, func(s *http.Server) {
		if s.WriteTimeout > 0 {
			s.WriteTimeout = 100 * time.Millisecond
		}
	})
	request := strings.Repeat(fmt.Sprintf("GET /ui HTTP/1.1\r\nHost: %s\r\n\r\n", conn.RemoteAddr()), 1000)
	for {
		_, err := io.WriteString(conn, request)
		if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
			t.Fatal("the connection stays")
		}
		if err != nil {
			return
		}
	}
}

// TestOptionsForAll is refused like everything else that names no portal.
func TestOptionsForAll(t *testing.T) {
	conn := connected(t, func(*http.Server) {})
	fmt.Fprint(conn, "OPTIONS * HTTP/1.1\r\nHost: evil.example\r\n\r\n")
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || resp.StatusCode != http.StatusMisdirectedRequest {
		t.Fatalf("%v, %v", resp, err)
	}
}
