package ldap

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"lockstep"
	"lockstep/connection"
	"lockstep/e2e/parts"
)

// tlv encodes one element with a long length, as Active Directory does.
func tlv(tag byte, content ...string) string {
	all := strings.Join(content, "")
	n := len(all)
	return string([]byte{tag, 0x84, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}) + all
}

// fakeEntry is a SearchResultEntry (RFC 4511 §4.5.2) with attributes and their values, a line each.
func fakeEntry(id, dn string, attributes ...string) string {
	list := ""
	for i := 0; i < len(attributes); i += 2 {
		values := ""
		for value := range strings.SplitSeq(attributes[i+1], "\n") {
			values += tlv(0x04, value)
		}
		list += tlv(0x30, tlv(0x04, attributes[i]), tlv(0x31, values))
	}
	return tlv(0x30, id, tlv(0x64, tlv(0x04, dn), tlv(0x30, list)))
}

// fakeDone ends a search, with a cookie for the next page unless it is "".
func fakeDone(id, cookie string) string {
	done := tlv(0x65, "\x0a\x01\x00", tlv(0x04), tlv(0x04))
	if cookie == "" {
		return tlv(0x30, id, done)
	}
	value := tlv(0x30, "\x02\x01\x00", tlv(0x04, cookie))
	return tlv(0x30, id, done, tlv(0xa0, tlv(0x30, tlv(0x04, pagingControl), tlv(0x04, value))))
}

// fake is a server that answers every search but that for its root entry with the next of its pages; each ends with its cookie.
type fake struct {
	paging bool
	pad    string // what every entry has for description
	page   func(search int) (entries []string, cookie string)
	answer func(id string, message []byte) string // in place of page
}

func (f fake) start(t *testing.T) *parts.LDAP {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	var searches atomic.Int64
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go f.talk(conn, &searches)
		}
	}()
	return &parts.LDAP{URL: "ldap://" + ln.Addr().String(), Base: "dc=x"}
}

func (f fake) talk(conn net.Conn, searches *atomic.Int64) {
	defer conn.Close()
	for {
		message, err := readMessage(conn, nil)
		if err != nil {
			return
		}
		_, body, _, _ := element(message)
		_, number, _, _ := element(body)
		id := tlv(0x02, string(number))
		var answer strings.Builder
		switch {
		case bytes.Contains(message, []byte("supportedControl")):
			control := "0"
			if f.paging {
				control = pagingControl
			}
			answer.WriteString(fakeEntry(id, "", "supportedControl", control) + fakeDone(id, ""))
		case bytes.Contains(message, []byte("\x0a\x01\x00")) && bytes.Contains(message, []byte("contextCSN")):
			answer.WriteString(fakeDone(id, ""))
		case f.answer != nil:
			answer.WriteString(f.answer(id, message))
		default:
			entries, cookie := f.page(int(searches.Add(1)) - 1)
			for _, name := range entries {
				answer.WriteString(fakeEntry(id, "uid="+name+",dc=x", "entryUUID", name, "modifyTimestamp", "20260101000000Z", "description", f.pad))
			}
			answer.WriteString(fakeDone(id, cookie))
		}
		if _, err := io.WriteString(conn, answer.String()); err != nil {
			return
		}
	}
}

func anonymous(c *Config) { c.BindDN, c.ID, c.GroupID, c.PageSize = "", "entryUUID", "entryUUID", 10 }

// TestEndlessPages has servers that never come to an end.
func TestEndlessPages(t *testing.T) {
	for name, page := range map[string]func(int) ([]string, string){
		"the same page":   func(int) ([]string, string) { return []string{"a", "b"}, "x" },
		"a circle of two": func(n int) ([]string, string) { return []string{fmt.Sprint(n % 2)}, "x" },
		"empty pages":     func(int) ([]string, string) { return nil, "x" },
	} {
		r, _ := reader(t, fake{paging: true, page: page}.start(t), anonymous)
		if _, err := passOver(t, r, connection.Read{Type: connection.UserType}); lockstep.CodeOf(err) != lockstep.CodeSourceMalformed {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestOnePageOnly has a server that cannot answer in pages, and somebody who takes longer for what it sends than the server may take
// for an answer.
func TestOnePageOnly(t *testing.T) {
	var entries []string
	for i := range 95 {
		entries = append(entries, fmt.Sprintf("e%02d", i))
	}
	server := fake{pad: strings.Repeat("x", 64<<10), page: func(int) ([]string, string) { return entries, "" }}.start(t)
	r, _ := reader(t, server, func(c *Config) { anonymous(c); c.Timeout = 2 * time.Second })
	objects, pages := map[string]bool{}, 0
	var notes []string
	err := r.Read(t.Context(), connection.Read{Type: connection.UserType}, func(p connection.ReadPage) error {
		if len(p.Objects) > 10 {
			t.Errorf("%d objects in a page", len(p.Objects))
		}
		for _, o := range p.Objects {
			objects[o.ID] = true
		}
		if pages++; pages == 1 {
			time.Sleep(2200 * time.Millisecond) // longer than the server may take
		}
		notes = p.Notes
		return nil
	})
	if err != nil || len(objects) != 95 || !strings.Contains(strings.Join(notes, "\n"), "cannot answer in pages") {
		t.Errorf("%d objects, %v, %q", len(objects), err, notes)
	}
}

// TestCutOff ends the connection after every so many bytes of a whole pass. A pass that ends without an error has shown everybody.
func TestCutOff(t *testing.T) {
	server := parts.Slapd(t, company)
	behind, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	complete := 0
	for limit := int64(10); complete < 3; limit += 61 {
		if limit > 20_000 {
			t.Fatal("it never ends well")
		}
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		go cut(ln, behind.Host, limit)
		r, _ := reader(t, server, func(c *Config) { c.URL = "ldap://" + ln.Addr().String() })
		out, err := passOver(t, r, connection.Read{Type: connection.UserType})
		switch {
		case err == nil && (len(out.objects) != 3 || len(out.hidden) != 0):
			t.Fatalf("cut after %d bytes: %d objects and no error", limit, len(out.objects))
		case err == nil:
			complete++
		case lockstep.CodeOf(err) != lockstep.CodeSourceUnreachable:
			t.Errorf("cut after %d bytes: %v", limit, err)
		}
		_ = ln.Close()
	}
}

// cut forwards one connection and ends it after so many bytes of the server's.
func cut(ln net.Listener, to string, limit int64) {
	conn, err := ln.Accept()
	if err != nil {
		return
	}
	defer conn.Close()
	server, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer server.Close()
	go func() { _, _ = io.Copy(server, conn) }()
	_, _ = io.CopyN(conn, server, limit)
}

// TestTwoSuffixes has groups in another suffix than people. A change of one is none of the other.
func TestTwoSuffixes(t *testing.T) {
	other := fmt.Sprintf("overlay syncprov\n\ndatabase mdb\nsuffix \"dc=teams\"\nrootdn \"cn=admin,dc=example,dc=com\"\ndirectory %q\naccess to * by * read\n", t.TempDir())
	server := parts.SlapdWith(t, other, units+person("tove")+person("nils"))
	d := &domain{LDAP: &parts.LDAP{Base: "dc=teams"}, t: t, conn: connect(t, server)}
	suffix := ldap.NewAddRequest("dc=teams", nil)
	suffix.Attribute("objectClass", []string{"dcObject", "organization"})
	suffix.Attribute("o", []string{"teams"})
	d.do(d.conn.Add(suffix))
	r, _ := reader(t, server, func(c *Config) { c.GroupsBases = []string{"dc=teams"} })
	clock := time.Now()
	r.config.Now = func() time.Time { clock = clock.Add(time.Minute); return clock }
	m := remember(t, r)
	m.look()
	team := d.add("cn=Crew", "objectClass", "groupOfNames", "member", "uid=tove,ou=people,dc=example,dc=com")
	people, groups := mustPass(t, r, connection.UserType, m.marks[connection.UserType]), mustPass(t, r, connection.GroupType, m.marks[connection.GroupType])
	if people.last.Reach != connection.Unchanged || len(groups.objects) != 1 {
		t.Errorf("people %v, %d groups", people.last.Reach, len(groups.objects))
	}
	m.take(connection.GroupType, groups)
	if got := m.relations(); len(got) != 1 || got[0] != "Crew members tove" {
		t.Error(got)
	}
	d.replace(team, "member", "uid=nils,ou=people,dc=example,dc=com")
	m.look()
	if got := m.relations(); len(got) != 1 || got[0] != "Crew members nils" {
		t.Error(got)
	}
}

// TestClosedSession searches on a connection that has ended, which the library answers with nothing and no error.
func TestClosedSession(t *testing.T) {
	r, _ := reader(t, parts.Slapd(t), nil)
	c, err := r.dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	_ = c.conn.Close()
	if e, err := c.lookUp("dc=example,dc=com"); err == nil {
		t.Errorf("%v and no error", e)
	}
}

func TestExtendedNames(t *testing.T) {
	const dn = "<GUID=0011AABB-0000-0000-0000-000000000000>;<SID=S-1-5-21-1>;CN=Ada,DC=x"
	if got := shortDN(dn); got != "CN=Ada,DC=x" {
		t.Error(got)
	}
	if got := referenceName(dn); got != "guid:0011aabb-0000-0000-0000-000000000000" {
		t.Error(got)
	}
	if got := referenceName("CN=Ada, DC=x"); got != "cn=ada,dc=x" {
		t.Error(got)
	}
}
