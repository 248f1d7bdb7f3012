package operate_test

import (
	"net/http/httptest"
	"testing"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/directory"
	"lockstep/operate"
	"lockstep/plan"
	"lockstep/provision"
	"lockstep/scim"
	"lockstep/session"
	"lockstep/sso"
	"lockstep/token"
)

// person adds somebody to the directory.
func (w *world) person(name string) directory.User {
	w.Helper()
	u, err := w.CreateUser(w.Context(), w.admin(), scim.Object{{Name: "userName", Value: name}})
	w.must(err)
	return u
}

// as is the principal of somebody who has come in by their own name. No session of sign-in is behind it: that is the store's to look at.
func (w *world) as(u directory.User) (operate.Principal, error) {
	return w.Visitor(w.Context(), session.Grant{Tenant: w.ids["default"], Holder: "x", Scopes: "*:*", Person: session.Person{User: u.ID}, How: string(operate.BySignIn)})
}

// TestAdministrators: a role is had by a person, or by being in a group, and gives what it gives as long as it is had; nobody gives or takes
// what they do not have.
func TestAdministrators(t *testing.T) {
	onBoth(t, func(w *world) {
		ctx, admin := w.Context(), w.admin()
		ada, ben, cy := w.person("ada@acme.example"), w.person("ben@acme.example"), w.person("cy@acme.example")
		_, err := w.as(ada)
		w.want("without a role", err, lockstep.CodeUnauthorized)
		add := func(p operate.Principal, in operate.NewAdministrator) (operate.Administrator, error) {
			return w.AddAdministrator(ctx, p, in)
		}
		owner, err := add(admin, operate.NewAdministrator{User: "ada@acme.example", Role: operate.RoleOwner})
		w.must(err)
		g, err := w.CreateGroup(ctx, admin, scim.Object{{Name: "displayName", Value: "Operators"}})
		w.must(err)
		_, err = add(admin, operate.NewAdministrator{Group: "Operators", Role: operate.RoleOperator})
		w.must(err)
		_, err = add(admin, operate.NewAdministrator{Group: "Operators", Role: operate.RoleOperator})
		w.want("the same role again", err, lockstep.CodeConflict)
		_, err = w.as(ben)
		w.want("before they are in the group", err, lockstep.CodeUnauthorized)
		w.must(w.ChangeMembers(ctx, admin, string(g.ID), operate.MemberChange{AddUsers: []string{"ben@acme.example"}}))
		operator, err := w.as(ben)
		w.must(err)
		if operator.May(operate.AppsWrite) != nil || operator.May(operate.SignInWrite) == nil || operator.Actor.ID != string(ben.ID) {
			t.Errorf("the operator has %v", operator.Scopes)
		}
		for what, err := range map[string]error{
			"an operator gives a role": second(add(operator, operate.NewAdministrator{User: "cy@acme.example", Role: operate.RoleAuditor})),
			"sets an owner's name": second(w.ChangeUser(ctx, operator, "ada@acme.example", 0, func(a scim.Object) scim.Object {
				a.Set("password", "I am you now")
				return a
			})),
			"takes a second factor":    second(w.RemoveSecondFactors(ctx, operator, ada.ID, sso.Which{All: true}, false)),
			"gives one a password":     w.SetUserPassword(ctx, operator, "ada@acme.example", "I am you now, Ada"),
			"disables an owner":        w.SetActive(ctx, operator, "ada@acme.example", false),
			"deletes an owner":         w.DeleteUser(ctx, operator, "ada@acme.example", false),
			"makes a token with more":  third(w.CreateToken(ctx, operator, operate.NewToken{Name: "x", Kind: token.KindAPI, Scopes: "*:*"})),
			"takes the owner's role":   w.RemoveAdministrator(ctx, operator, string(owner.ID)),
			"makes a local owner":      second(w.AddOwner(ctx, operator, "eve", "correct horse battery")),
			"an unknown kind of right": second(add(operator, operate.NewAdministrator{User: "cy@acme.example", Scopes: "signin:write"})),
		} {
			w.want(what, err, lockstep.CodeAuthForbidden)
		}
		manager, err := add(admin, operate.NewAdministrator{User: "cy@acme.example", Role: operate.RoleUserManagement})
		w.must(err)
		p, err := w.as(cy)
		w.must(err)
		w.want("a password of somebody who may do more", w.SetUserPassword(ctx, p, "ada@acme.example", "I am you now, Ada"), lockstep.CodeAuthForbidden)
		w.signIns()
		_, err = w.RemoveSecondFactors(ctx, p, ada.ID, sso.Which{All: true}, false)
		w.want("a second factor of somebody who may do more", err, lockstep.CodeAuthForbidden)
		w.want("a short password", w.SetUserPassword(ctx, p, "cy@acme.example", "short"), lockstep.CodeInvalid)
		_, err = add(p, operate.NewAdministrator{User: "ben@acme.example", Role: operate.RoleOwner})
		w.want("somebody gives more than they have", err, lockstep.CodeAuthForbidden)
		w.want("or takes it", w.RemoveAdministrator(ctx, p, string(owner.ID)), lockstep.CodeAuthForbidden)
		p.Scopes = append(p.Scopes, operate.TokensWrite) // which their role has not
		_, text, err := w.CreateToken(ctx, p, operate.NewToken{Name: "of cy", Kind: token.KindAPI, Scopes: "people:write"})
		w.must(err)
		made, err := w.Bearer(ctx, text)
		w.must(err)
		if made.May(operate.PeopleWrite) != nil {
			t.Errorf("the token has %v", made.Scopes)
		}
		w.must(w.RemoveAdministrator(ctx, admin, string(manager.ID)))
		_, err = w.Bearer(ctx, text)
		w.want("a token that somebody made who is no administrator any more", err, lockstep.CodeUnauthorized)
		_, err = w.Again(ctx, p)
		w.want("they go on", err, lockstep.CodeUnauthorized)
		w.want("the last owner's role is taken", w.RemoveAdministrator(ctx, admin, string(owner.ID)), lockstep.CodeLastOwner)
		w.must(w.SetActive(ctx, admin, "ben@acme.example", false))
		_, err = w.as(ben)
		w.want("disabled", err, lockstep.CodeUnauthorized)
		other, err := w.Administrators(ctx, operate.Machine(w.ids["other"]))
		if err != nil || len(other) != 0 {
			t.Errorf("another tenant has %v, %v", other, err)
		}
		w.want("from another tenant", w.RemoveAdministrator(ctx, operate.Machine(w.ids["other"]), string(owner.ID)), lockstep.CodeNotFound)
	})
}

func second[T any](_ T, err error) error        { return err }
func third[T, U any](_ T, _ U, err error) error { return err }

// TestAppOperator: a right to one app is one to no other.
func TestAppOperator(t *testing.T) {
	w := newWorld(t, sqlite(t))
	ctx := w.Context()
	p := operate.Principal{Tenant: w.ids["default"], Scopes: token.Scopes{"apps:write@hr", "people:read"}}
	for _, slug := range []string{"hr", "crm"} {
		w.must(w.db.Provision().PutJob(ctx, audit.Actor{}, provision.Job{
			Tenant: w.ids["default"], ID: lockstep.NewID[lockstep.JobID](), Slug: slug, Name: slug, Direction: provision.Inbound, State: provision.Paused,
			Connection: provision.Connection{Kind: "csvfile"},
		}))
	}
	all, err := w.ListJobs(ctx, p)
	if err != nil || len(all) != 1 || all[0].Slug != "hr" {
		t.Fatalf("listed %v, %v", all, err)
	}
	manual := true
	_, err = w.ChangeJob(ctx, p, "hr", operate.JobChange{Manual: &manual})
	w.must(err)
	_, err = w.ChangeJob(ctx, p, "crm", operate.JobChange{Manual: &manual})
	w.want("the other app", err, lockstep.CodeAuthForbidden)
	_, err = w.Job(ctx, p, "crm")
	w.want("is looked at", err, lockstep.CodeAuthForbidden)
	crm, err := w.Job(ctx, w.admin(), "crm")
	w.must(err)
	_, err = w.Actions(ctx, p, crm, plan.ActionQuery{})
	w.want("its log is read", err, lockstep.CodeAuthForbidden)
	w.want("it is removed", w.DeleteSource(ctx, p, "crm"), lockstep.CodeAuthForbidden)
	_, err = w.AddSource(ctx, p, operate.NewSystem{Kind: "csvfile", Slug: "third"})
	w.want("a source is added", err, lockstep.CodeAuthForbidden)
}

// TestLocalOwner: a local owner comes in by their password, which is tried neither without end nor to the owner's harm.
func TestLocalOwner(t *testing.T) {
	onBoth(t, func(w *world) {
		ctx, admin := w.Context(), w.admin()
		const right = "correct horse battery"
		_, err := w.AddOwner(ctx, admin, "Mia", "short")
		w.want("a short password", err, lockstep.CodeInvalid)
		_, err = w.AddOwner(ctx, admin, "Mia", right)
		w.must(err)
		_, err = w.AddOwner(ctx, admin, "mia", right)
		w.want("the same name again", err, lockstep.CodeConflict)
		g, err := w.EnterAsOwner(ctx, "", "MIA", right, "192.0.2.1:5")
		w.must(err)
		began, err := w.Sessions.Begin(httptest.NewRecorder(), httptest.NewRequest("POST", "http://localhost/", nil), g, w.at)
		w.must(err)
		p, err := w.Inside(ctx, began)
		w.must(err)
		if p.Scopes.String() != "*:*" || p.How != operate.ByOwner || p.Actor.Name != "Mia" {
			t.Errorf("entered as %+v", p)
		}
		for range 11 {
			_, err = w.EnterAsOwner(ctx, "", "mia", "a wrong password", "198.51.100.7:5")
		}
		w.want("the eleventh wrong password", err, lockstep.CodeTooMany)
		_, err = w.EnterAsOwner(ctx, "", "mia", right, "198.51.100.7:9")
		w.want("the right one from there", err, lockstep.CodeTooMany)
		_, err = w.EnterAsOwner(ctx, "", "mia", right, "192.0.2.1:9")
		w.must(err) // from elsewhere
		_, err = w.EnterAsOwner(ctx, "", "nobody", right, "192.0.2.1:9")
		w.want("nobody", err, lockstep.CodeUnauthorized)
		_, err = w.EnterAsOwner(ctx, "other", "mia", right, "192.0.2.1:9")
		w.want("at another tenant", err, lockstep.CodeUnauthorized)
		w.want("the last owner is removed", w.RemoveOwner(ctx, p, "mia"), lockstep.CodeLastOwner)
		w.at = w.at.Add(operate.ProveFor + time.Second)
		_, err = w.AddOwner(ctx, p, "Eva", right)
		w.want("a severe act after a while", err, lockstep.CodeProveAgain)
		w.must(second(w.CreateUser(ctx, admin, scim.Object{{Name: "userName", Value: "dan@acme.example"}})))
		w.want("a password of somebody", w.SetUserPassword(ctx, p, "dan@acme.example", right), lockstep.CodeProveAgain)
		w.must(w.SetUserPassword(ctx, admin, "dan@acme.example", right))
		_, err = w.EndConsoleSessions(ctx, p)
		w.want("another", err, lockstep.CodeProveAgain)
		w.must(w.SetOwnerPassword(ctx, admin, "mia", "another horse battery"))
		if _, err := w.db.Console().Session(ctx, began.Hash); lockstep.CodeOf(err) != lockstep.CodeNotFound {
			t.Errorf("the session from before the password was changed: %v", err)
		}
		_, err = w.EnterAsOwner(ctx, "", "mia", right, "192.0.2.1:9")
		w.want("the password of before", err, lockstep.CodeUnauthorized)
	})
}
