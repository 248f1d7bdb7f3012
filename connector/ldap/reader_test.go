package ldap

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"lockstep"
	"lockstep/connection"
	"lockstep/e2e/parts"
)

func reader(t testing.TB, server *parts.LDAP, change func(*Config)) (*Reader, *counter) {
	t.Helper()
	n := &counter{}
	c := Config{
		URL: server.URL, Base: server.Base, BindDN: server.BindDN, Dial: n.dial,
		Password: func(context.Context) (string, error) { return server.Password, nil },
	}
	if change != nil {
		change(&c)
	}
	r, err := NewReader(c)
	if err != nil {
		t.Fatal(err)
	}
	return r, n
}

// shown is everything that a pass gives.
type shown struct {
	objects map[string]connection.Object  // by id
	present map[string]connection.Present // by id
	gone    []string
	hidden  []connection.Hidden
	last    connection.ReadPage
	pages   int
}

func passOver(t testing.TB, r *Reader, q connection.Read) (shown, error) {
	t.Helper()
	out := shown{objects: map[string]connection.Object{}, present: map[string]connection.Present{}}
	err := r.Read(t.Context(), q, func(p connection.ReadPage) error {
		if out.last.Last {
			t.Error("a page after the last one")
		}
		if p.Asked.IsZero() || p.Next != "" {
			t.Errorf("asked %v, next %q", p.Asked, p.Next)
		}
		for _, o := range p.Objects {
			if o.ID == "" || o.Type != q.Type || len(o.Names) == 0 {
				t.Errorf("%+v", o)
			}
			out.objects[o.ID] = o
		}
		for _, one := range p.Present {
			out.present[one.ID] = one
		}
		out.gone = append(out.gone, p.Gone...)
		out.hidden = append(out.hidden, p.Hidden...)
		out.last = p
		out.pages++
		return nil
	})
	if err == nil && !out.last.Last {
		t.Error("no last page")
	}
	return out, err
}

func mustPass(t testing.TB, r *Reader, typ string, since connection.Mark) shown {
	t.Helper()
	out, err := passOver(t, r, connection.Read{Type: typ, Since: since})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// memory is what somebody who keeps what passes show knows, with references as pairs of names: the least that the contract of a
// Reader asks of its user. It finds out by itself who is gone.
type memory struct {
	t       testing.TB
	reader  *Reader
	objects map[connection.Ref]connection.Object
	marks   map[string]connection.Mark
	gets    int
}

func remember(t testing.TB, r *Reader) *memory {
	return &memory{t: t, reader: r, objects: map[connection.Ref]connection.Object{}, marks: map[string]connection.Mark{}}
}

// look takes a pass over both types.
func (m *memory) look() {
	m.t.Helper()
	for _, typ := range []string{connection.UserType, connection.GroupType} {
		m.take(typ, mustPass(m.t, m.reader, typ, m.marks[typ]))
	}
}

func (m *memory) take(typ string, out shown) {
	m.t.Helper()
	m.marks[typ] = out.last.Mark
	for id, o := range out.objects {
		m.objects[connection.Ref{Type: typ, ID: id}] = o
	}
	var ask []connection.Ref
	for id, one := range out.present {
		ref := connection.Ref{Type: typ, ID: id}
		if o, ok := m.objects[ref]; !ok || o.Version != one.Version {
			ask = append(ask, ref)
		}
	}
	if len(ask) > 0 {
		m.gets += len(ask)
		got, err := m.reader.Get(m.t.Context(), ask...)
		if err != nil {
			m.t.Fatal(err)
		}
		for _, o := range got {
			m.objects[o.Ref] = o
		}
	}
	for _, id := range out.gone {
		delete(m.objects, connection.Ref{Type: typ, ID: id})
	}
	if out.last.Reach != connection.Pages {
		return
	}
	for ref, o := range m.objects {
		_, listed := out.objects[ref.ID]
		_, there := out.present[ref.ID]
		if ref.Type == typ && !listed && !there && !mayHide(out.hidden, o) {
			delete(m.objects, ref)
		}
	}
}

func mayHide(hidden []connection.Hidden, o connection.Object) bool {
	for _, h := range hidden {
		if h.Below == "" && h.IDs == nil && h.Most == 0 {
			return true
		}
		if slices.Contains(h.IDs, o.ID) {
			return true
		}
		for _, name := range o.Names {
			if h.Below != "" && (name == h.Below || strings.HasSuffix(name, ","+h.Below)) {
				return true
			}
		}
	}
	return false
}

// by returns who has a name.
func (m *memory) by(name string) connection.Object {
	for _, o := range m.objects {
		if slices.Contains(o.Names, name) {
			return o
		}
	}
	return connection.Object{}
}

// relations returns all references whose other end is known, as lines of common names.
func (m *memory) relations() []string {
	names := map[string]connection.Object{}
	for _, o := range m.objects {
		for _, name := range o.Names {
			names[name] = o
		}
	}
	var lines []string
	for _, o := range m.objects {
		for _, ref := range o.References {
			if to, ok := names[ref.Name]; ok {
				lines = append(lines, fmt.Sprintf("%s %s %s", o.Values.Get("cn"), ref.Attribute, to.Values.Get("cn")))
			}
		}
	}
	slices.Sort(lines)
	return lines
}

// differs compares with what somebody knows who has read everything just now. References to nobody do not matter.
func (m *memory) differs(fresh *memory) string {
	bare := func(m *memory) map[connection.Ref]connection.Object {
		objects := maps.Clone(m.objects)
		for ref, o := range objects {
			o.References = nil
			objects[ref] = o
		}
		return objects
	}
	return cmp.Diff(bare(fresh), bare(m)) + cmp.Diff(fresh.relations(), m.relations())
}

func TestReaderCompany(t *testing.T) {
	r, _ := reader(t, parts.Slapd(t, company), nil)
	m := remember(t, r)
	out := mustPass(t, r, connection.UserType, "")
	m.take(connection.UserType, out)
	m.take(connection.GroupType, mustPass(t, r, connection.GroupType, ""))
	if len(m.objects) != 6 || out.last.Reach != connection.Pages || len(out.hidden) != 0 {
		t.Fatalf("%d objects, reach %v, hidden %v", len(m.objects), out.last.Reach, out.hidden)
	}
	ada := m.by("cn=ada lovelace,ou=people,dc=example,dc=com")
	if err := uuid.Validate(ada.ID); err != nil || ada.Version == "" || !ada.Enabled || ada.Time.IsZero() || ada.Name != "ada@example.com" {
		t.Errorf("%+v", ada)
	}
	if ada.Values.Text("sn") != "Lovelace" || ada.Values.Text("dn") == "" || ada.Values.Has("manager") || ada.Values.Get("active") != true {
		t.Errorf("values %v", ada.Values)
	}
	want := []string{
		"Bob, the Builder manager Ada Lovelace", "Bob, the Builder memberOf unix", "Builders members Bob, the Builder",
		"Everybody members Ada Lovelace", "Everybody members Builders", "unix members Bob, the Builder",
	}
	if diff := cmp.Diff(want, m.relations()); diff != "" {
		t.Error(diff)
	}
	photo, err := passOver(t, r, connection.Read{Type: connection.UserType, Paths: []string{"jpegPhoto", "userPassword", "mail", "name.x"}})
	if err != nil {
		t.Fatal(err)
	}
	if notes := strings.Join(photo.last.Notes, "\n"); !strings.Contains(notes, "1 values of jpegPhoto are not text") || !strings.Contains(notes, "identified by entryUUID") {
		t.Errorf("notes %q", notes)
	}
	if o := photo.objects[ada.ID]; o.Values.Has("sn") || !o.Values.Has("mail") {
		t.Errorf("only what is asked for: %v", o.Values)
	}
}

// TestReaderChanges drives one directory through what happens to directories, and compares what somebody who follows the changes
// knows with what a newcomer finds.
func TestReaderChanges(t *testing.T) {
	server := parts.Slapd(t, company)
	clock := time.Now()
	r, n := reader(t, server, func(c *Config) { c.Now = func() time.Time { return clock } })
	admin := connect(t, server)
	m := remember(t, r)
	m.look()
	check := func(what string, reach connection.Reach) {
		t.Helper()
		clock = clock.Add(5 * time.Minute)
		n.searches.Store(0)
		out := mustPass(t, r, connection.UserType, m.marks[connection.UserType])
		if out.last.Reach != reach {
			t.Errorf("%s: reach %v, not %v", what, out.last.Reach, reach)
		}
		m.take(connection.UserType, out)
		m.take(connection.GroupType, mustPass(t, r, connection.GroupType, m.marks[connection.GroupType]))
		fresh := remember(t, r)
		fresh.look()
		if diff := m.differs(fresh); diff != "" {
			t.Errorf("%s: %s", what, diff)
		}
	}
	check("nothing", connection.Unchanged)
	if n := n.searches.Load(); n > 12 {
		t.Errorf("%d searches", n)
	}
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	modify := ldap.NewModifyRequest("cn=Cy,ou=people,dc=example,dc=com", nil)
	modify.Replace("title", []string{"Director"})
	do(admin.Modify(modify))
	check("a title", connection.Pages)
	if m.by("cn=cy,ou=people,dc=example,dc=com").Values.Text("title") != "Director" {
		t.Error("the title did not arrive")
	}
	do(admin.ModifyDN(ldap.NewModifyDNRequest("cn=Cy,ou=people,dc=example,dc=com", "cn=Cyrus", true, "")))
	check("a name", connection.Pages)
	do(admin.Del(ldap.NewDelRequest("cn=Cyrus,ou=people,dc=example,dc=com", nil)))
	check("a leaver", connection.Pages)
	if len(m.objects) != 5 {
		t.Errorf("%d objects after somebody left", len(m.objects))
	}
	do(admin.ModifyDN(ldap.NewModifyDNRequest("ou=people,dc=example,dc=com", "ou=persons", true, "")))
	check("a branch gets another name, and no entry below says so", connection.Pages)
	if m.by("cn=ada lovelace,ou=persons,dc=example,dc=com").ID == "" {
		t.Error("the new name of the branch did not arrive")
	}
	unit := ldap.NewAddRequest("ou=printers,dc=example,dc=com", nil)
	unit.Attribute("objectClass", []string{"organizationalUnit"})
	do(admin.Add(unit))
	before := m.gets
	check("something else", connection.Pages)
	if m.gets != before {
		t.Error("a change elsewhere had people read")
	}
	clock = clock.Add(2 * time.Hour)
	check("nothing for hours", connection.Pages)
	check("nothing again", connection.Unchanged)
}

// TestReaderNamesInTurn has changes come faster than names may be read: what changed arrives at once, who left is owed. It takes longer
// when the newest change is one that was shown.
func TestReaderNamesInTurn(t *testing.T) {
	for _, one := range []struct {
		name string
		last string // change
		rest time.Duration
	}{
		{"the newest change is shown", "modify", 40 * time.Minute},
		{"the newest change is not shown", "delete", 10 * time.Minute},
	} {
		t.Run(one.name, func(t *testing.T) {
			server := parts.Slapd(t, company)
			clock := time.Now()
			r, _ := reader(t, server, func(c *Config) { c.Now = func() time.Time { return clock } })
			admin := connect(t, server)
			first := mustPass(t, r, connection.UserType, "")
			slow := decodeMark(first.last.Mark)
			slow.Took = time.Minute
			changes := map[string]func() error{
				"delete": func() error { return admin.Del(ldap.NewDelRequest("cn=Cy,ou=people,dc=example,dc=com", nil)) },
				"modify": func() error {
					modify := ldap.NewModifyRequest("cn=Ada Lovelace,ou=people,dc=example,dc=com", nil)
					modify.Replace("title", []string{"Director"})
					return admin.Modify(modify)
				},
			}
			for name, change := range changes {
				if name != one.last {
					errs(t, change())
				}
			}
			errs(t, changes[one.last]())
			clock = clock.Add(time.Minute)
			second := mustPass(t, r, connection.UserType, slow.encode())
			if second.last.Reach != connection.Changes || len(second.objects) == 0 || len(second.present) != 0 || !decodeMark(second.last.Mark).Owed {
				t.Errorf("reach %v, %d objects, %d names, mark %s", second.last.Reach, len(second.objects), len(second.present), second.last.Mark)
			}
			clock = clock.Add(one.rest - 2*time.Minute)
			if r.due() {
				t.Error("a look is owed already")
			}
			clock = clock.Add(2 * time.Minute)
			if !r.due() || r.due() {
				t.Error("no look is owed, or two")
			}
			third := mustPass(t, r, connection.UserType, second.last.Mark)
			if third.last.Reach != connection.Pages || len(third.present) != 2 || decodeMark(third.last.Mark).Owed {
				t.Errorf("reach %v, %d names, mark %s", third.last.Reach, len(third.present), third.last.Mark)
			}
		})
	}
}

func errs(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestReaderTenThousand is the size of the requirement, in processor time of this process.
func TestReaderTenThousand(t *testing.T) {
	server := parts.Slapd(t, crowd(10_000, 200))
	clock := time.Now()
	r, n := reader(t, server, func(c *Config) { c.Now = func() time.Time { return clock } })
	m := remember(t, r)
	measure := func(what string, limit time.Duration, searches int64) {
		t.Helper()
		clock = clock.Add(10 * time.Minute)
		n.searches.Store(0)
		began, used := time.Now(), cpu(t)
		m.look()
		used = cpu(t) - used
		t.Logf("%s: %v, %v of processor time, %d searches", what, time.Since(began), used, n.searches.Load())
		if used > limit || n.searches.Load() > searches {
			t.Errorf("%s: %v of processor time, %d searches", what, used, n.searches.Load())
		}
	}
	measure("first", 3*time.Second, 40)
	relations := 0
	for _, o := range m.objects {
		relations += len(o.References)
	}
	if len(m.objects) != 10_200 || relations != 10_000+10_000+40 {
		t.Errorf("%d objects, %d references", len(m.objects), relations)
	}
	measure("unchanged", 100*time.Millisecond, 4)
	admin := connect(t, server)
	modify := ldap.NewModifyRequest("uid=u7,ou=people,dc=example,dc=com", nil)
	modify.Replace("title", []string{"Director"})
	if err := admin.Modify(modify); err != nil {
		t.Fatal(err)
	}
	measure("one change", time.Second, 40)
	if m.by("uid=u7,ou=people,dc=example,dc=com").Values.Text("title") != "Director" || m.gets != 0 {
		t.Errorf("%d objects were read by id", m.gets)
	}
	if err := admin.Del(ldap.NewDelRequest("uid=u9,ou=people,dc=example,dc=com", nil)); err != nil {
		t.Fatal(err)
	}
	measure("one leaver", time.Second, 40)
	if len(m.objects) != 10_199 {
		t.Errorf("%d objects", len(m.objects))
	}
	m.marks = map[string]connection.Mark{}
	measure("all again", 3*time.Second, 40)
}

func TestReaderHidden(t *testing.T) {
	server := parts.Slapd(t, company, `dn: ou=elsewhere,dc=example,dc=com
objectClass: referral
objectClass: extensibleObject
ou: elsewhere
ref: ldap://ldap.example.org/ou=Else%20where,dc=example,dc=com
`)
	r, _ := reader(t, server, func(c *Config) { c.ID = "uid" })
	out := mustPass(t, r, connection.UserType, "")
	var below []string
	for _, h := range out.hidden {
		below = append(below, string(lockstep.CodeOf(h.Err))+" "+h.Below)
		if h.Part == "" || h.Name == "" {
			t.Errorf("%+v", h)
		}
	}
	slices.Sort(below)
	want := []string{"source.bad_row cn=cy,ou=people,dc=example,dc=com", "source.referral ou=else where,dc=example,dc=com"}
	if diff := cmp.Diff(want, below); diff != "" || len(out.objects) != 2 {
		t.Error(diff, len(out.objects))
	}
	if groups := mustPass(t, r, connection.GroupType, ""); len(groups.objects) != 3 {
		t.Errorf("%d groups, hidden %v", len(groups.objects), groups.hidden)
	}
	mark := decodeMark(out.last.Mark)
	mark.Names = mark.Names.Add(-2 * time.Hour)
	if again := mustPass(t, r, connection.UserType, mark.encode()); len(again.hidden) != 2 || len(again.present) != 2 {
		t.Errorf("names alone: hidden %v", again.hidden)
	}
	r, _ = reader(t, server, func(c *Config) { c.Base = "ou=elsewhere,dc=example,dc=com" })
	if _, err := passOver(t, r, connection.Read{Type: connection.UserType}); lockstep.CodeOf(err) != lockstep.CodeSourceReferral || !strings.Contains(err.Error(), "ldap://ldap.example.org/") {
		t.Error(err)
	}
}

func TestReaderLimit(t *testing.T) {
	server := parts.SlapdWith(t, "limits * size=100", crowd(300, 2))
	r, _ := reader(t, server, nil)
	out := mustPass(t, r, connection.UserType, "")
	if len(out.objects) > 299 || out.last.Mark != "" || len(out.hidden) != 1 || lockstep.CodeOf(out.hidden[0].Err) != lockstep.CodeSourceLimit ||
		out.hidden[0].Below != "" || out.hidden[0].Most != 0 {
		t.Errorf("%d objects, hidden %+v, mark %q", len(out.objects), out.hidden, out.last.Mark)
	}
}

// TestReaderSuffixes has groups in another suffix than people, and says of each only what concerns it.
func TestReaderSuffixes(t *testing.T) {
	server := parts.SlapdWith(t, "", company)
	r, _ := reader(t, server, func(c *Config) {
		c.PeopleBases = []string{"ou=people,dc=example,dc=com"}
		c.GroupsBases = []string{"cn=Builders,ou=groups,dc=example,dc=com", "ou=groups,dc=example,dc=com", "cn=unix,ou=groups,dc=example,dc=com"}
	})
	m := remember(t, r)
	m.look()
	if len(m.objects) != 6 {
		t.Errorf("%d objects", len(m.objects))
	}
	r, _ = reader(t, server, func(c *Config) { c.GroupsBases = []string{"-"} })
	out := mustPass(t, r, connection.GroupType, "")
	if len(out.objects) != 0 || out.last.Reach != connection.Changes || len(out.last.Notes) != 1 {
		t.Errorf("%+v", out.last)
	}
	if _, err := passOver(t, r, connection.Read{Type: "Device"}); lockstep.CodeOf(err) != lockstep.CodeInvalid {
		t.Error(err)
	}
}

func TestReaderMark(t *testing.T) {
	server := parts.Slapd(t, company)
	r, _ := reader(t, server, nil)
	first := mustPass(t, r, connection.UserType, "").last.Mark
	for name, c := range map[string]struct {
		q      connection.Read
		change func(*Config)
		reach  connection.Reach
	}{
		"the same":       {connection.Read{Since: first}, nil, connection.Unchanged},
		"whole":          {connection.Read{Since: first, Whole: true}, nil, connection.Pages},
		"another filter": {connection.Read{Since: first}, func(c *Config) { c.PeopleFilter = "(objectClass=person)" }, connection.Pages},
		"more wanted":    {connection.Read{Since: first}, func(c *Config) { c.Attributes = []string{"carLicense"} }, connection.Pages},
		"another id":     {connection.Read{Since: first}, func(c *Config) { c.ID = "uid" }, connection.Pages},
		"nonsense":       {connection.Read{Since: "{"}, nil, connection.Pages},
	} {
		r, _ := reader(t, server, c.change)
		c.q.Type = connection.UserType
		out, err := passOver(t, r, c.q)
		if err != nil || out.last.Reach != c.reach || (c.reach == connection.Pages) != (len(out.objects) > 0) {
			t.Errorf("%s: reach %v, %d objects, %v", name, out.last.Reach, len(out.objects), err)
		}
	}
	second := mustPass(t, r, connection.UserType, first)
	if second.last.Mark != first {
		t.Errorf("nothing changed, the mark did: %s, %s", first, second.last.Mark)
	}
	settings, err := r.Settings(t.Context())
	if err != nil || !maps.Equal(settings, map[string]string{"id": "entryUUID", "group_id": "entryUUID"}) {
		t.Errorf("%v, %v", settings, err)
	}
}

// TestReaderRefused counts how often a wrong password reaches the server.
func TestReaderRefused(t *testing.T) {
	server := parts.Slapd(t, company)
	clock, password := time.Now(), "wrong"
	r, n := reader(t, server, func(c *Config) {
		c.Poll, c.Now = time.Millisecond, func() time.Time { return clock }
		c.Password = func(context.Context) (string, error) { return password, nil }
	})
	for range 5 {
		if err := r.Watch(t.Context(), func() { t.Error("changed") }); lockstep.CodeOf(err) != lockstep.CodeSourceAuth {
			t.Error(err)
		}
		if _, err := passOver(t, r, connection.Read{Type: connection.UserType}); lockstep.CodeOf(err) != lockstep.CodeSourceAuth {
			t.Error(err)
		}
	}
	if dials := n.dials.Load(); dials != 1 {
		t.Errorf("the password was tried %d times", dials)
	}
	if err := r.Test(t.Context(), func(connection.Check) {}); lockstep.CodeOf(err) != lockstep.CodeSourceAuth || n.dials.Load() != 2 {
		t.Errorf("a test must try: %v", err)
	}
	clock = clock.Add(hold)
	if _, err := passOver(t, r, connection.Read{Type: connection.UserType}); err == nil || n.dials.Load() != 3 {
		t.Errorf("after a while it is tried once: %v, %d", err, n.dials.Load())
	}
	password = server.Password
	mustPass(t, r, connection.UserType, "")
}

func TestReaderWatch(t *testing.T) {
	server := parts.Slapd(t, company)
	const rest = 300 * time.Millisecond
	r, n := reader(t, server, func(c *Config) { c.Poll, c.Rest = 5*time.Millisecond, rest })
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	changed, ended := make(chan struct{}, 1), make(chan error, 1)
	var told []time.Time // the watcher's
	go func() {
		ended <- r.Watch(ctx, func() {
			told = append(told, time.Now())
			select {
			case changed <- struct{}{}:
			default:
			}
		})
	}()
	await := func() {
		t.Helper()
		select {
		case <-changed:
		case err := <-ended:
			t.Fatal(err)
		}
	}
	await() // by what may have happened before
	for n.searches.Load() < 8 {
		select {
		case <-changed:
			t.Fatal("told of a change that was none")
		case err := <-ended:
			t.Fatal(err)
		case <-time.After(time.Millisecond):
		}
	}
	promote := func(title string) {
		t.Helper()
		modify := ldap.NewModifyRequest("cn=Cy,ou=people,dc=example,dc=com", nil)
		modify.Replace("title", []string{title})
		if err := connect(t, server).Modify(modify); err != nil {
			t.Fatal(err)
		}
	}
	promote("Director")
	await()
	if n.dials.Load() != 1 {
		t.Errorf("%d connections", n.dials.Load())
	}
	r.owe(connection.UserType, time.Now())
	await()
	r.spent(connection.UserType, time.Hour) // a pass takes long, so the next change is told later
	promote("Chief")
	await()
	r.owe(connection.UserType, time.Now()) // and so is what is owed
	await()
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if n := len(told); told[n-1].Sub(told[n-2]) < rest || told[n-2].Sub(told[n-3]) < rest {
		t.Errorf("told at %v", told)
	}
}

func fixed(password string) func(context.Context) (string, error) {
	return func(context.Context) (string, error) { return password, nil }
}
