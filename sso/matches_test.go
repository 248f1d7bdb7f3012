package sso_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"lockstep"
	"lockstep/directory"
	"lockstep/operate"
	"lockstep/scim"
	"lockstep/sso"
)

func (w *world) operator() *operate.Operator {
	rows := w.db.SSO()
	return &operate.Operator{
		Directory: w.db, Tenants: w.db, Now: w.now,
		SignIn: &operate.SignIn{Providers: rows, Clients: rows, Sessions: rows, Records: rows, Factors: rows, Server: w.sso, Look: rows, Matches: rows},
	}
}

// tried is what a test sign-in makes of an identity.
func (w *world) tried(p sso.Provider, id sso.Identity) operate.WouldBe {
	w.Helper()
	w.up.becomes(id)
	login, address, err := w.sso.NewTest(w.Context(), "acme", p)
	w.must(err)
	b := w.browser()
	b.comeBack(b.get(address))
	s := w.stageOf(login, "match")
	switch {
	case s.OK && strings.HasPrefix(s.Detail, "added"):
		return operate.WouldAdd
	case s.OK:
		return operate.WouldMatch
	case s.Code == lockstep.CodeSSOAmbiguous:
		return operate.WouldAmbiguous
	case s.Code == lockstep.CodeSSODisabled:
		return operate.WouldDisabled
	case s.Code == lockstep.CodeSSORefused && strings.Contains(s.Detail, "linked with another"):
		return operate.WouldBeLinked
	}
	return operate.WouldOrphan
}

// TestMatchesAreWhatHappens: what is said of a list of identities before anybody signs in is what a sign-in of each makes of them, under every policy,
// in a directory in which addresses and names are shared, missing and disabled.
func TestMatchesAreWhatHappens(t *testing.T) {
	onBoth(t, func(w *world) {
		random := rand.New(rand.NewPCG(1, 2))
		name := func() string { return fmt.Sprintf("P%d@acme.example", random.IntN(14)) }
		var people []lockstep.UserID
		for i := range 14 {
			u := directory.User{ID: lockstep.NewID[lockstep.UserID]()}
			u.Attributes.Set("userName", fmt.Sprintf("p%d@acme.example", i))
			if random.IntN(4) > 0 {
				u.Attributes.Set("emails", scim.List{scim.Object{{Name: "value", Value: name()}}, scim.Object{{Name: "value", Value: fmt.Sprintf("second%d@acme.example", i)}}})
			}
			if random.IntN(4) == 0 {
				u.Attributes.Set("active", false)
			}
			w.commit(directory.PutUser{User: u})
			if random.IntN(8) == 0 {
				w.commit(directory.DeleteUser{ID: u.ID})
			}
			people = append(people, u.ID)
		}
		provider := w.setProvider("webex", func(*sso.Provider) {})
		for i, u := range people[:6] {
			l := sso.Link{Provider: provider.ID, Issuer: "https://idp.example", Subject: fmt.Sprint("linked", i), User: u, Made: i > 2, Verified: i > 3}
			if i > 1 && i < 5 { // elsewhere
				l.Provider = "another"
			}
			_, err := w.db.SSO().SaveLogin(t.Context(), sso.Login{Tenant: w.tenant, ID: lockstep.NewID[sso.LoginID](), Expires: w.now().Add(time.Hour), Step: sso.StepEnded}, sso.Finish{Links: []sso.Link{l}})
			w.must(err)
		}
		o, admin := w.operator(), operate.Machine(w.tenant)
		seen, each := map[operate.WouldBe]int{}, 12
		if strings.HasSuffix(w.Name(), "postgres") {
			each = 1
		}
		for _, policy := range []sso.LinkPolicy{sso.PolicyImported, sso.PolicyCreate, sso.PolicyConfirm, sso.PolicyVerified, sso.PolicyLinked, ""} {
			for _, trusted := range []bool{false, true} {
				provider = w.setProvider("webex", func(p *sso.Provider) { p.Policy, p.TrustEmail = policy, trusted })
				for _, unverified := range []bool{false, true} {
					var list strings.Builder
					list.WriteString("email;User_Name\n")
					var ids []sso.Identity
					for range each {
						id := sso.Identity{Issuer: "https://idp.example", Subject: "new", EmailVerified: !unverified}
						if random.IntN(5) > 0 {
							id.Email = name()
						}
						if random.IntN(3) == 0 || id.Email == "" {
							id.UserName = name()
						}
						ids = append(ids, id)
						fmt.Fprintf(&list, "%s;%s\n", id.Email, id.UserName)
					}
					for i, id := range ids { // one by one: two of a list are never the same person
						lines := strings.Split(list.String(), "\n")
						m, err := o.Matches(t.Context(), admin, "webex", lines[0]+"\n"+lines[i+1], unverified)
						w.must(err)
						if len(m.Rows) != 1 {
							t.Fatalf("%+v", m)
						}
						was := w.tried(provider, id)
						is := m.Rows[0].Is
						if is == operate.WouldBeLinked && (policy == sso.PolicyLinked || provider.LinkOnly) {
							is = operate.WouldOrphan // unless it is the identity that is linked
						}
						if is == operate.WouldDisabled && policy == sso.PolicyLinked {
							is = operate.WouldOrphan
						}
						if is != was {
							t.Errorf("%q, trusted %v, verified %v, %q %q: said %s (%s), was %s", policy, trusted, !unverified, id.Email, id.UserName, m.Rows[0].Is, m.Rows[0].How, was)
						}
						seen[m.Rows[0].Is]++
					}
				}
			}
		}
		for _, is := range operate.WouldBes() {
			if seen[is] == 0 && each > 1 {
				t.Errorf("nothing was %s: %v", is, seen)
			}
		}
	})
}

// TestMatchesOfALongList: a list as long as is taken is judged in seconds, and so is a directory of as many people; what does not fit is refused.
func TestMatchesOfALongList(t *testing.T) {
	w := newWorld(t)
	ben := w.person("ben@acme.example", "Ben", "Ito")
	w.person("ada2@acme.example", "Ada", "Second")
	u, err := w.db.Users(t.Context(), w.tenant, directory.UserQuery{IDs: []lockstep.UserID{ben}})
	w.must(err)
	u[0].Attributes.Set("emails", mails("Ada@acme.example"))
	w.commit(directory.PutUser{User: u[0]})
	lacking := directory.User{ID: lockstep.NewID[lockstep.UserID]()}
	lacking.Attributes.Set("userName", "nobody")
	w.commit(directory.PutUser{User: lacking})
	o, admin := w.operator(), operate.Machine(w.tenant)
	m, err := o.Matches(t.Context(), admin, "webex", "", false)
	w.must(err)
	if m.People != 4 || m.Shared != 1 || m.SharedSome[0].Value != "ada@acme.example" || m.SharedSome[0].Count != 2 || m.Lacking != 1 || m.LackingSome[0].Name != "nobody" {
		t.Errorf("the directory: %+v", m)
	}
	m, err = o.Matches(t.Context(), admin, "webex", "\ufeffada2@acme.example\r\n\r\nADA2@acme.example\nada@acme.example\nzoe@acme.example", false)
	w.must(err)
	w.is("rows", fmt.Sprintf("%v %v", m.Count, m.Listed), fmt.Sprintf("%v 4", map[operate.WouldBe]int{operate.WouldMatch: 1, operate.WouldAmbiguous: 2, operate.WouldOrphan: 1}))
	w.is("two of the list", m.Rows[0].How+fmt.Sprint(m.Rows[0].Line), "the same person as line 13")
	var long strings.Builder
	for i := range operate.MostIdentities {
		fmt.Fprintf(&long, "p%d@acme.example\n", i)
	}
	began := time.Now()
	m, err = o.Matches(t.Context(), admin, "webex", long.String(), false)
	w.must(err)
	if took := time.Since(began); took > 20*time.Second || m.Listed != operate.MostIdentities || len(m.Rows) > operate.MostMatchRows {
		t.Errorf("%d in %s, %d rows", m.Listed, took, len(m.Rows))
	}
	t.Logf("100,000 identities in %s", time.Since(began))
	for what, text := range map[string]string{"one more": long.String() + "x", "too long": strings.Repeat("x", operate.MaxIdentities+1), "a line without end": strings.Repeat("x", 1<<17), "one more as CSV": "email\n" + long.String() + "x"} {
		if _, err := o.Matches(t.Context(), admin, "webex", text, false); lockstep.CodeOf(err) != lockstep.CodeInvalid {
			t.Errorf("%s: %v", what, err)
		}
	}
	w.provider("local", func(p *sso.Provider) { p.Kind = sso.KindLocal })
	if _, err := o.Matches(t.Context(), admin, "local", "", false); lockstep.CodeOf(err) != lockstep.CodeInvalid {
		t.Errorf("passwords: %v", err)
	}
}
