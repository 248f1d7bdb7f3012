package scimapp

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"strconv"
	"sync"
	"testing"

	"lockstep/connection"
	"lockstep/rule"
	"lockstep/scim"
)

func person() scim.Object {
	o := scim.Object{
		{Name: "userName", Value: "ada.lovelace@example.com"},
		{Name: "displayName", Value: "Ada Lovelace"},
		{Name: "active", Value: true},
		{Name: "name", Value: scim.Object{{Name: "givenName", Value: "Ada"}, {Name: "familyName", Value: "Lovelace"}}},
		{Name: "title", Value: "Engineer"},
		{Name: "preferredLanguage", Value: "en_GB"},
		{Name: "timezone", Value: "Europe/London"},
		{Name: "externalId", Value: "8a1f2c30-0000-7000-8000-000000000001"},
		{Name: "phoneNumbers", Value: scim.List{scim.Object{{Name: "type", Value: "work"}, {Name: "value", Value: "+44 20 0000 0000"}}}},
		{Name: "addresses", Value: scim.List{scim.Object{
			{Name: "type", Value: "work"}, {Name: "locality", Value: "London"}, {Name: "country", Value: "GB"}, {Name: "streetAddress", Value: "1 Analytical Row"},
		}}},
		{Name: scim.EnterpriseUserURN, Value: scim.Object{{Name: "department", Value: "Research"}, {Name: "employeeNumber", Value: "1815"}}},
	}
	return o
}

func BenchmarkRender(b *testing.B) {
	refs := []connection.Reference{{Attribute: managerAttribute, To: connection.Ref{Type: userType, ID: "42"}}}
	o, buf := person(), make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		buf = appendResource(buf[:0], userType, o, refs, false)
	}
	b.SetBytes(int64(len(buf)))
}

// BenchmarkCreate is a create against a server that does nothing but answer, with everything on both sides in one process.
func BenchmarkCreate(b *testing.B) {
	answer := []byte(`{"id":"0190","userName":"ada.lovelace@example.com","displayName":"Ada Lovelace","meta":{"version":"W/\"1\""}}`)
	s := serveNull(b, answer)
	t := target(b, s, Profile{Connections: 32})
	op := connection.Operation{Kind: rule.Create, Ref: connection.Ref{Type: userType}, After: person()}
	b.ReportAllocs()
	b.SetParallelism(16)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if r := t.Apply(b.Context(), []connection.Operation{op})[0]; r.Err != nil {
				b.Error(r.Err)
				return
			}
		}
	})
}

// serveNull answers every request with the same bytes. It knows only what the client sends: a header, Content-Length, a body.
func serveNull(b *testing.B, body []byte) string {
	b.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	reply := append([]byte("HTTP/1.1 201 Created\r\nContent-Type: application/scim+json\r\nContent-Length: "+strconv.Itoa(len(body))+"\r\n\r\n"), body...)
	var open sync.WaitGroup
	open.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			open.Go(func() { answerAll(conn, reply) })
		}
	})
	b.Cleanup(func() { _ = ln.Close() })
	return "http://" + ln.Addr().String()
}

func answerAll(conn net.Conn, reply []byte) {
	defer conn.Close()
	in := newLineReader(conn)
	for {
		length, err := in.header()
		if err != nil {
			return
		}
		if _, err = io.CopyN(io.Discard, in, length); err != nil {
			return
		}
		if _, err = conn.Write(reply); err != nil {
			return
		}
	}
}

type lineReader struct{ *bufio.Reader }

func newLineReader(r io.Reader) lineReader { return lineReader{bufio.NewReader(r)} }

// header reads to the end of a request's header and returns the Content-Length.
func (l lineReader) header() (length int64, err error) {
	for {
		line, err := l.ReadSlice('\n')
		if err != nil || len(line) <= 2 {
			return length, err
		}
		if rest, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			length, err = strconv.ParseInt(string(bytes.TrimSpace(rest)), 10, 64)
			if err != nil {
				return 0, err
			}
		}
	}
}
