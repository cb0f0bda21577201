package bench

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// httpLoad asks a server over connections that stay open, and does as little
// as can be besides: the generator shares the machine with what it measures.
type httpLoad struct {
	connections []*loadConnection
}

type loadConnection struct {
	net.Conn
	reader *bufio.Reader
	body   []byte
}

// newLoad opens the connections.
func newLoad(l net.Listener, connections int) (*httpLoad, error) {
	load := &httpLoad{}
	for range connections {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			return nil, err
		}
		load.connections = append(load.connections, &loadConnection{c, bufio.NewReaderSize(c, 16<<10), nil})
	}
	return load, nil
}

func (h *httpLoad) close() {
	for _, c := range h.connections {
		_ = c.Close() // nothing is under way
	}
}

// post makes the bytes of a POST of an OCSP request.
func post(body []byte) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "POST /ocsp HTTP/1.1\r\nHost: hall.example\r\nContent-Type: application/ocsp-request\r\nContent-Length: %d\r\n\r\n", len(body))
	b.Write(body)
	return b.Bytes()
}

// run asks n times, with request(i) for the i-th of a connection, and answers
// how long that took; check sees each answer's body once in a while.
func (h *httpLoad) run(n int, request func(connection, i int) []byte, check func([]byte) error) (time.Duration, error) {
	var g errgroup.Group
	each := n / len(h.connections)
	begin := time.Now()
	for number, c := range h.connections {
		g.Go(func() error {
			for i := range each {
				if err := c.ask(request(number, i)); err != nil {
					return err
				}
				if i == each-1 {
					if err := check(c.body); err != nil {
						return err
					}
				}
			}
			return nil
		})
	}
	err := g.Wait()
	return time.Since(begin), err
}

var errStatus = errors.New("bench: not answered with 200")

// ask sends a request and reads the whole answer.
func (c *loadConnection) ask(request []byte) error {
	if _, err := c.Write(request); err != nil {
		return err
	}
	line, err := c.reader.ReadSlice('\n')
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(line, []byte("HTTP/1.1 200")) {
		return fmt.Errorf("%w: %s", errStatus, line)
	}
	length := -1
	for {
		line, err := c.reader.ReadSlice('\n')
		if err != nil {
			return err
		}
		if len(line) <= 2 {
			break
		}
		if name, value, ok := strings.Cut(string(line), ":"); ok && strings.EqualFold(name, "Content-Length") {
			if length, err = strconv.Atoi(strings.TrimSpace(value)); err != nil {
				return err
			}
		}
	}
	if length < 0 {
		return errors.New("bench: an answer without a length")
	}
	if cap(c.body) < length {
		c.body = make([]byte, length)
	}
	c.body = c.body[:length]
	_, err = io.ReadFull(c.reader, c.body)
	return err
}

// listen serves a handler on loopback until the end function is called.
func listen(h http.Handler) (net.Listener, func() error, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	return l, func() error {
		if err := server.Close(); err != nil {
			return err
		}
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	}, nil
}
