package ldap

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"time"
)

// Bounds of one LDAP message. The library that decodes messages believes every length that it reads, up to 2 GiB, and makes some
// 200 bytes of every part; an entry of a directory has a few thousand parts, and a group of 300,000 members as many as it has
// members.
const (
	maxMessage = 16 << 20
	maxParts   = 1 << 19
	maxDepth   = 16
)

// guard is a connection that hands out whole LDAP messages (RFC 4511 §4.1.1), each only after looking that it is not too large
// and that its parts fit into it.
type guard struct {
	net.Conn
	in      *bufio.Reader
	message []byte // the last one that was read
	rest    []byte // what of it is still to be handed out
	done    atomic.Int64
	fault   atomic.Pointer[messageError]
}

// messageError says that a message breaks a bound or is no LDAP.
type messageError struct{ text string }

func (e *messageError) Error() string { return e.text }

func newGuard(conn net.Conn) *guard { return &guard{Conn: conn, in: bufio.NewReaderSize(conn, 64<<10)} }

func (g *guard) Read(p []byte) (int, error) {
	if len(g.rest) == 0 {
		if err := g.next(); err != nil {
			if bad, ok := errors.AsType[*messageError](err); ok {
				g.fault.Store(bad)
			}
			return 0, err
		}
	}
	n := copy(p, g.rest)
	g.rest = g.rest[n:]
	return n, nil
}

// searchDone is the tag of the message that ends a search (RFC 4511 §4.5.2).
const searchDone = 0x65

func (g *guard) next() error {
	message, err := readMessage(g.in, g.message[:0])
	if err != nil {
		return err
	}
	g.message, g.rest = message, message
	if tag, _, err := operation(message); err == nil && tag == searchDone {
		g.done.Add(1)
	}
	return nil
}

// readMessage appends the next message to buf.
func readMessage(in io.Reader, buf []byte) ([]byte, error) {
	buf = append(buf, 0, 0)
	if _, err := io.ReadFull(in, buf); err != nil {
		return nil, err
	}
	if buf[0] != 0x30 {
		return nil, &messageError{"its answer is not an LDAP message"}
	}
	if more := int(buf[1]); more > 0x80 && more <= 0x84 {
		buf = append(buf, make([]byte, more-0x80)...)
		if _, err := io.ReadFull(in, buf[2:]); err != nil {
			return nil, err
		}
	}
	length, header, err := lengthOf(buf[1:])
	switch {
	case err != nil:
		return nil, err
	case length > maxMessage:
		return nil, &messageError{fmt.Sprintf("one entry is larger than %d MiB (%d bytes)", maxMessage>>20, length)}
	}
	begin := 1 + header
	buf = append(buf, make([]byte, length)...)
	if _, err := io.ReadFull(in, buf[begin:]); err != nil {
		return nil, err
	}
	parts := 0
	return buf, walk(buf[begin:], 0, &parts)
}

// walk looks at the parts of a message: each must end where the one around it ends, or before.
func walk(b []byte, depth int, parts *int) error {
	for len(b) > 0 {
		if *parts++; *parts > maxParts || depth > maxDepth {
			return &messageError{fmt.Sprintf("one entry has more than %d values", maxParts)}
		}
		tag, content, rest, err := element(b)
		if err != nil {
			return err
		}
		if tag&0x20 != 0 { // constructed: it has parts itself
			if err := walk(content, depth+1, parts); err != nil {
				return err
			}
		}
		b = rest
	}
	return nil
}

// element splits the first element off BER as LDAP restricts it: one byte of tag, definite lengths (RFC 4511 §5.1).
func element(b []byte) (tag byte, content, rest []byte, err error) {
	if len(b) < 2 || b[0]&0x1f == 0x1f {
		return 0, nil, nil, &messageError{"its answer is not an LDAP message"}
	}
	length, header, err := lengthOf(b[1:])
	if err != nil {
		return 0, nil, nil, err
	}
	begin := 1 + header
	if length > len(b)-begin {
		return 0, nil, nil, &messageError{"a part of its answer is longer than the answer"}
	}
	return b[0], b[begin : begin+length], b[begin+length:], nil
}

// lengthOf reads a length and says how many bytes it took.
func lengthOf(b []byte) (length, header int, err error) {
	if b[0] < 0x80 {
		return int(b[0]), 1, nil
	}
	more := int(b[0] & 0x7f)
	if more == 0 || more > 4 || len(b) <= more {
		return 0, 0, &messageError{"its answer is not an LDAP message"}
	}
	for _, c := range b[1 : 1+more] {
		length = length<<8 | int(c)
	}
	return length, 1 + more, nil
}

// operation returns the tag and the content of a message's operation.
func operation(message []byte) (tag byte, content []byte, err error) {
	_, body, _, err := element(message)
	if err != nil {
		return 0, nil, err
	}
	if _, _, body, err = element(body); err != nil { // the message id
		return 0, nil, err
	}
	tag, content, _, err = element(body)
	return tag, content, err
}

// startTLSRequest is the extended request 1.3.6.1.4.1.1466.20037 with the message id 1 (RFC 4511 §4.14.1).
const startTLSRequest = "\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037"

// askForTLS asks the server to begin TLS. It reads no byte beyond the answer: what somebody sent along in the clear would
// otherwise count as said within TLS.
func askForTLS(ctx context.Context, conn net.Conn) error {
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if _, err := io.WriteString(conn, startTLSRequest); err != nil {
		return err
	}
	message, err := readMessage(conn, nil)
	if err != nil {
		return err
	}
	tag, content, err := operation(message)
	if err != nil {
		return err
	}
	code, result, _, err := element(content)
	if err != nil {
		return err
	}
	if tag != 0x78 || code != 0x0a || len(result) != 1 || result[0] != 0 {
		return errors.New("it does not begin TLS when it is asked to")
	}
	return ctx.Err()
}
