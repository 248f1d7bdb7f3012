package ldap

import (
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"

	"lockstep/connection"
	"lockstep/e2e/parts"
)

// tool has samba-tool ask the domain and returns what it says, line by line.
func (d *domain) tool(args ...string) []string {
	return d.lines("samba-tool", append(args, "-H", d.URL, "--simple-bind-dn="+d.AdminDN, "--password="+d.AdminPassword)...)
}

// found returns the account names of what ldapsearch finds, as far as they are plain text.
func (d *domain) found(filter string) (names []string) {
	for _, line := range d.lines("ldapsearch", "-x", "-LLL", "-o", "ldif-wrap=no", "-E", "pr=100/noprompt", "-H", d.URL, "-D", d.AdminDN, "-w", d.AdminPassword, "-b", d.Base, filter, "sAMAccountName") {
		if name, ok := strings.CutPrefix(line, "sAMAccountName: "); ok {
			names = append(names, name)
		}
	}
	return names
}

func (d *domain) lines(program string, args ...string) (lines []string) {
	d.t.Helper()
	cmd := exec.CommandContext(d.t.Context(), parts.Need(d.t, program), args...)
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		d.t.Fatalf("%v: %v\n%s%s", cmd.Args, err, out, said.String())
	}
	for line := range strings.Lines(string(out)) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	slices.Sort(lines)
	return lines
}

// TestActiveDirectoryTools compares what is read of a domain with what samba-tool and ldapsearch say of it, which share no code with us: odd
// names, disabled people, nested and large groups; and again after people were renamed, moved, deleted and made anew.
func TestActiveDirectoryTools(t *testing.T) {
	d := newDomain(t)
	for _, unit := range []string{"OU=staff", "OU=Zweigstelle München\\, Süd", "OU=away"} {
		d.add(unit, "objectClass", "organizationalUnit")
	}
	var crowd []string
	for i := range 1510 {
		crowd = append(crowd, d.person(fmt.Sprintf("c%d", i), "OU=staff"))
	}
	south := "OU=Zweigstelle München\\, Süd"
	zoe := d.add("CN=Zoë Müller\\, Dr.,"+south, "objectClass", "user", "sAMAccountName", "zoë.müller", "userAccountControl", "544", "displayName", "Müller, Zoë", "employeeID", "E1")
	d.add("CN=李雷 \\+ \\\"x\\\",OU=staff", "objectClass", "user", "sAMAccountName", "lilei", "userAccountControl", "546")
	d.add("CN=contact,OU=staff", "objectClass", "contact", "mail", "c@example.test")
	d.add("CN=pc1,OU=staff", "objectClass", "computer", "sAMAccountName", "pc1$", "userAccountControl", "4128")
	all := d.add("CN=crowd,OU=staff", "objectClass", "group", "sAMAccountName", "crowd", "member", strings.Join(crowd, "|"))
	d.add("CN=inner,"+south, "objectClass", "group", "sAMAccountName", "inner", "member", zoe)
	outer := d.add("CN=Größe & Co.,OU=staff", "objectClass", "group", "sAMAccountName", "outer", "member", "CN=inner,"+south+","+d.Base+"|"+all)

	r, _ := reader(t, d.LDAP, nil)
	followed := remember(t, r)
	check := func(what string) {
		t.Helper()
		followed.look()
		newcomer, _ := reader(t, d.LDAP, nil)
		fresh := remember(t, newcomer)
		fresh.look()
		for who, m := range map[string]*memory{"a newcomer": fresh, "who follows": followed} {
			if diff := d.compare(m); diff != "" {
				t.Errorf("%s, %s:\n%s", what, who, diff)
			}
		}
	}
	check("at first")
	d.do(d.conn.ModifyDN(ldap.NewModifyDNRequest(zoe, "CN=Zoë Meier", true, "OU=staff,"+d.Base)))
	d.replace("CN=Zoë Meier,OU=staff,"+d.Base, "sAMAccountName", "zoë.meier")
	d.do(d.conn.Del(ldap.NewDelRequest(crowd[3], nil)))
	d.person("c3", "OU=away") // the same name, and somebody else
	d.replace(crowd[4], "userAccountControl", "546")
	d.do(d.conn.ModifyDN(ldap.NewModifyDNRequest("OU=away,"+d.Base, "OU=gone away", true, "OU=staff,"+d.Base)))
	gone := ldap.NewModifyRequest(outer, nil)
	gone.Delete("member", []string{all})
	d.do(d.conn.Modify(gone))
	check("after a day")
}

// compare says how what is known differs from what the domain's own tools say. They list what the domain needs for itself, too.
func (d *domain) compare(m *memory) string {
	var problems strings.Builder
	differ := func(what string, theirs, ours []string) {
		slices.Sort(ours)
		for _, s := range theirs {
			if !slices.Contains(ours, s) && !d.system[s] {
				fmt.Fprintf(&problems, "%s: %q is missing\n", what, s)
			}
		}
		for _, s := range ours {
			if !slices.Contains(theirs, s) {
				fmt.Fprintf(&problems, "%s: %q is too much\n", what, s)
			}
		}
	}
	var people, groups, disabled []string
	names := map[string]connection.Object{}
	for _, o := range m.objects {
		account := o.Values.Text("sAMAccountName")
		for _, name := range o.Names {
			names[name] = o
		}
		switch {
		case o.Type == connection.GroupType:
			groups = append(groups, account)
		default:
			people = append(people, account)
			if !o.Enabled {
				disabled = append(disabled, account)
			}
		}
	}
	d.system = map[string]bool{}
	for _, name := range d.found("(isCriticalSystemObject=TRUE)") {
		d.system[name] = true
	}
	differ("people", d.tool("user", "list"), people)
	differ("groups", d.tool("group", "list"), groups)
	off := d.found("(&(objectCategory=person)(objectClass=user)(userAccountControl:1.2.840.113556.1.4.803:=2))")
	differ("disabled", off, slices.DeleteFunc(disabled, func(s string) bool { return !isPlain(s) })) // which ldapsearch writes in Base64
	for _, group := range []string{"crowd", "inner", "outer"} {
		var members []string
		for _, o := range m.objects {
			if o.Type != connection.GroupType || o.Values.Text("sAMAccountName") != group {
				continue
			}
			for _, ref := range o.References {
				if to, ok := names[ref.Name]; ok {
					members = append(members, to.Values.Text("sAMAccountName"))
				}
			}
		}
		differ("members of "+group, d.tool("group", "listmembers", group), members)
	}
	return problems.String()
}

func isPlain(s string) bool { return !strings.ContainsFunc(s, func(r rune) bool { return r >= 0x80 }) }
