package demo

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// wires are connections kept alive to one server, each in use by one request at a time. net/http's client has two goroutines a
// connection and hands each request from one to the other: on the cores that the server is measured on, that costs as much as a
// request does there.
type wires struct {
	host, prefix string
	header       string // of every request, each line ended
	free         chan *wire
}

type wire struct {
	net.Conn
	r   *bufio.Reader
	out []byte
}

// wireTime is how long an answer may take.
const wireTime = time.Minute

// dialWires opens n connections to the server of the address http://HOST:PORT/PREFIX.
func dialWires(ctx context.Context, base string, n int, header http.Header) (*wires, error) {
	u, err := url.Parse(base)
	if err != nil {
		return nil, err
	}
	w := &wires{host: u.Host, prefix: u.EscapedPath(), header: "Host: " + u.Host + "\r\n", free: make(chan *wire, n)}
	for name, values := range header {
		w.header += name + ": " + values[0] + "\r\n"
	}
	for range n {
		var d net.Dialer
		c, err := d.DialContext(ctx, "tcp", u.Host)
		if err != nil {
			return nil, fmt.Errorf("connect to %s: %w", u.Host, err)
		}
		w.free <- &wire{Conn: c, r: bufio.NewReaderSize(c, 32<<10)}
	}
	return w, nil
}

// close closes the connections that are not in use.
func (w *wires) close() {
	for range len(w.free) {
		_ = (<-w.free).Close() // nothing was left to send
	}
}

// do sends a request over a free connection and returns status and body of the answer. A connection that fails stays out of use.
func (w *wires) do(ctx context.Context, method, path string, body []byte) (int, []byte, error) {
	var c *wire
	select {
	case c = <-w.free:
	case <-ctx.Done():
		return 0, nil, ctx.Err()
	}
	c.out = append(append(append(append(append(c.out[:0], method...), ' '), w.prefix...), path...), " HTTP/1.1\r\n"...)
	c.out = append(append(c.out, w.header...), "Content-Length: "...)
	c.out = append(strconv.AppendInt(c.out, int64(len(body)), 10), "\r\n\r\n"...)
	status, text, err := c.exchange(append(c.out, body...))
	if err != nil {
		_ = c.Close() // the error says why
		return 0, nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	w.free <- c
	return status, text, nil
}

func (c *wire) exchange(request []byte) (int, []byte, error) {
	c.out = request[:0]
	if err := c.SetDeadline(time.Now().Add(wireTime)); err != nil {
		return 0, nil, err
	}
	if _, err := c.Write(request); err != nil {
		return 0, nil, err
	}
	res, err := http.ReadResponse(c.r, nil)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	if res.ContentLength < 0 {
		text, err := io.ReadAll(res.Body)
		return res.StatusCode, text, err
	}
	text := make([]byte, res.ContentLength)
	_, err = io.ReadFull(res.Body, text)
	return res.StatusCode, text, err
}
