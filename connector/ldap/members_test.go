package ldap

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"lockstep"
	"lockstep/connection"
)

// TestManyMembers has a group whose members come in parts, from a server that counts changes otherwise than the one that showed the
// group, and one that is changed while they are read.
func TestManyMembers(t *testing.T) {
	names := func(uids string) (dns []string) {
		for uid := range strings.FieldsSeq(uids) {
			dns = append(dns, "uid="+uid+",dc=x")
		}
		return dns
	}
	for what, c := range map[string]struct {
		stamps  [2]string // of the parts
		partial bool
		want    string
	}{
		"another server": {[2]string{"7", "7"}, false, "a c d"},
		"a change":       {[2]string{"7", "8"}, true, "a b c d"},
		"nothing there":  {[2]string{"7", ""}, true, "a b c"},
	} {
		group := func(id, attribute, uids, stamp string) string {
			return fakeEntry(id, "cn=Crew,dc=x", "entryUUID", "crew", attribute, strings.Join(names(uids), "\n"), "uSNChanged", stamp) + fakeDone(id, "")
		}
		server := fake{answer: func(id string, message []byte) string {
			switch {
			case bytes.Contains(message, []byte("range=0-*")):
				return group(id, "member;range=0-1", "a c", c.stamps[0])
			case bytes.Contains(message, []byte("range=2-*")) && c.stamps[1] == "":
				return fakeEntry(id, "cn=Crew,dc=x", "uSNChanged", "7") + fakeDone(id, "")
			case bytes.Contains(message, []byte("range=2-*")):
				return group(id, "member;range=2-*", "d", c.stamps[1])
			}
			return group(id, "member;range=0-1", "a b", "4711")
		}}.start(t)
		r, _ := reader(t, server, anonymous)
		out, err := passOver(t, r, connection.Read{Type: connection.GroupType})
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		var got []string
		for _, m := range out.objects["crew"].References {
			got = append(got, m.Name)
		}
		slices.Sort(got)
		if o := out.objects["crew"]; o.Partial != c.partial || !slices.Equal(got, names(c.want)) {
			t.Errorf("%s: partial %v, members %q", what, o.Partial, got)
		}
	}
}

// TestTwinsBehindALimit has a base in which the server stops at a limit, and twins in the one after it.
func TestTwinsBehindALimit(t *testing.T) {
	server := fake{answer: func(id string, message []byte) string {
		if bytes.Contains(message, []byte("ou=many")) {
			return tlv(0x30, id, tlv(0x65, "\x0a\x01\x04", tlv(0x04), tlv(0x04)))
		}
		return fakeEntry(id, "uid=a,ou=few,dc=x", "employeeNumber", "7") + fakeEntry(id, "uid=b,ou=few,dc=x", "employeeNumber", "7") + fakeDone(id, "")
	}}.start(t)
	r, _ := reader(t, server, func(c *Config) {
		anonymous(c)
		c.ID, c.PeopleBases = "employeeNumber", []string{"ou=many,dc=x", "ou=few,dc=x"}
	})
	out, err := passOver(t, r, connection.Read{Type: connection.UserType})
	if err != nil {
		t.Fatal(err)
	}
	twins := 0
	for _, h := range out.hidden {
		if lockstep.CodeOf(h.Err) == lockstep.CodeSourceDuplicate {
			twins++
		}
	}
	if twins != 2 || len(out.objects) != 0 {
		t.Errorf("%d twins, %d objects, %v", twins, len(out.objects), out.hidden)
	}
}
