package upstream

import (
	"errors"
	"io"
	"net"
)

// Bounds of one LDAP message. The library that decodes messages believes every length that it reads.
const (
	maxLDAPMessage = 1 << 20
	maxLDAPParts   = 1 << 15
	maxLDAPDepth   = 16
)

var errLDAP = errors.New("its answer is not an LDAP message, or is larger than is accepted")

// messages is a connection that hands out whole LDAP messages (RFC 4511 §4.1.1), each only after looking that it is not too large
// and that each of its parts ends within the part around it.
type messages struct {
	net.Conn
	rest []byte // of the last message
}

// Read hands out what is left of a message, else the next one.
func (m *messages) Read(p []byte) (int, error) {
	if len(m.rest) == 0 {
		next, err := readMessage(m.Conn)
		if err != nil {
			return 0, err
		}
		m.rest = next
	}
	n := copy(p, m.rest)
	m.rest = m.rest[n:]
	return n, nil
}

// readMessage reads one message and no byte more.
func readMessage(in io.Reader) ([]byte, error) {
	message := make([]byte, 2, 256)
	if _, err := io.ReadFull(in, message); err != nil {
		return nil, err
	}
	if message[0] != 0x30 {
		return nil, errLDAP
	}
	if more := int(message[1]) - 0x80; more > 0 && more <= 4 {
		message = append(message, make([]byte, more)...)
		if _, err := io.ReadFull(in, message[2:]); err != nil {
			return nil, err
		}
	}
	length, header, err := berLength(message[1:])
	if err != nil || length > maxLDAPMessage {
		return nil, errLDAP
	}
	begin := 1 + header
	message = append(message, make([]byte, length)...)
	if _, err := io.ReadFull(in, message[begin:]); err != nil {
		return nil, err
	}
	parts := 0
	return message, walkBER(message, 0, &parts)
}

// berLength reads a definite length (X.690 §8.1.3) and says how many bytes it took.
func berLength(b []byte) (length, header int, err error) {
	if len(b) == 0 {
		return 0, 0, errLDAP
	}
	more := int(b[0]) - 0x80
	switch {
	case more < 0:
		return int(b[0]), 1, nil
	case more == 0 || more > 4 || len(b) <= more:
		return 0, 0, errLDAP
	}
	for _, c := range b[1 : 1+more] {
		length = length<<8 | int(c)
	}
	return length, 1 + more, nil
}

// walkBER looks at the parts of a message.
func walkBER(b []byte, depth int, parts *int) error {
	for len(b) > 0 {
		if *parts++; *parts > maxLDAPParts || depth > maxLDAPDepth || b[0]&0x1f == 0x1f { // LDAP has no tags of several bytes
			return errLDAP
		}
		length, header, err := berLength(b[1:])
		if err != nil || length > len(b)-1-header {
			return errLDAP
		}
		content := b[1+header : 1+header+length]
		if b[0]&0x20 != 0 {
			if err := walkBER(content, depth+1, parts); err != nil {
				return err
			}
		}
		b = b[1+header+length:]
	}
	return nil
}

// startTLS is the extended request 1.3.6.1.4.1.1466.20037 with the message id 1 (RFC 4511 §4.14.1).
const startTLS = "\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037"

// askForTLS asks the server to begin TLS. What somebody sent along in the clear behind the answer is not taken for said within TLS:
// it stays where the handshake stumbles over it.
func askForTLS(conn net.Conn) error {
	if _, err := io.WriteString(conn, startTLS); err != nil {
		return err
	}
	message, err := readMessage(conn)
	if err != nil {
		return err
	}
	// SEQUENCE { messageID 1, [APPLICATION 24] { resultCode ENUMERATED 0, … } }
	_, header, err := berLength(message[1:])
	if err != nil {
		return err
	}
	body := message[1+header:]
	if len(body) < 8 || string(body[:3]) != "\x02\x01\x01" || body[3] != 0x78 {
		return errLDAP
	}
	_, header, err = berLength(body[4:])
	if err != nil || len(body) < 7+header || string(body[4+header:7+header]) != "\x0a\x01\x00" {
		return errors.New("it does not begin TLS when it is asked to")
	}
	return nil
}
