package console_test

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"lockstep"
	"lockstep/operate"
	"lockstep/scim"
)

// onDemand has the app's job do what is demanded, as the queue does, until the function that it returns has been called.
func (w *world) onDemand() (end func()) {
	var one sync.Mutex
	var running sync.WaitGroup
	w.operator.Wake = func() {
		running.Go(func() {
			one.Lock()
			defer one.Unlock()
			if j := w.state(w.out); j.Demand != nil && j.Cycle == nil {
				w.run(w.out)
			}
		})
	}
	return running.Wait
}

// TestOnDemand: a try shows what would be sent and sends nothing; provisioning says what became of the person, and "done" only when it is.
func TestOnDemand(t *testing.T) {
	w := newWorld(t, 0).filled()
	b := w.signedIn(w.tenant)
	who := func(name string) string { return "user:" + string(w.user(name)) }
	page := func(name string) string { return "/apps/webex/try?" + url.Values{"who": {who(name)}}.Encode() }
	provision := func(name string) *answer {
		return b.post("/apps/webex/try", "who", who(name))
	}

	// A plan waits: what is done beside it would make it wrong.
	provision("ada@acme.example").is(http.StatusConflict).has("p", "waits to be applied")
	w.applied(b)
	defer w.onDemand()()

	b.get("/apps/webex/try?q=ada").has("a", "ada@acme.example")
	b.get("/people/"+string(w.user("ada@acme.example"))).has("a", "Try or provision")
	_, err := w.operator.ChangeUser(t.Context(), operate.Machine(w.tenant), "ada@acme.example", 0, func(o scim.Object) scim.Object {
		o.Set("title", "Countess")
		return o
	})
	w.must(err)
	a := b.get(page("ada@acme.example")).is(http.StatusOK)
	if text := a.says(); !strings.Contains(text, "would be sent") || !strings.Contains(text, "Countess") || strings.Contains(text, "What was sent") {
		t.Errorf("a try says %s", text)
	}
	if x, err := w.target.Find(t.Context(), "User", "userName", "ada@acme.example"); err != nil || x[0].Values.Text("title") == "Countess" {
		t.Fatalf("a try has written %v %v", x, err)
	}
	done := b.get(provision("ada@acme.example").is(http.StatusSeeOther).resp.Header.Get("Location"))
	done.has("section", "What was done")
	if text := done.says(); !strings.Contains(text, "Updated.") || !strings.Contains(text, "What was sent") || !strings.Contains(text, "Done") {
		t.Errorf("it says %s", text)
	}
	if x, err := w.target.Find(t.Context(), "User", "userName", "ada@acme.example"); err != nil || x[0].Values.Text("title") != "Countess" {
		t.Fatalf("it has written %v %v", x, err)
	}

	// Out of scope stays out of scope.
	out := b.get(provision("eve@acme.example").is(http.StatusSeeOther).resp.Header.Get("Location"))
	if text := out.says(); !strings.Contains(text, "Nothing to do: left out: not assigned.") {
		t.Errorf("it says %s", text)
	}
	b.post("/apps/webex/try", "who", "user:x").is(http.StatusBadRequest)
	b.get("/apps/webex/try?who=user:" + string(lockstep.NewID[lockstep.UserID]())).is(http.StatusNotFound)
	b.get("/sources/hr/try").is(http.StatusNotFound)
}

// TestByHand: an exclusion and a link by hand are made in the browser, with their reasons, and undone.
func TestByHand(t *testing.T) {
	w := newWorld(t, 0).filled()
	b := w.signedIn(w.tenant)
	w.applied(b)
	defer w.onDemand()()
	who := "user:" + string(w.user("ada@acme.example"))
	b.post("/apps/webex/exclude", "who", who, "reason", "").is(http.StatusBadRequest).has("p", "Say why")
	b.post("/apps/webex/exclude", "who", who, "reason", "on leave", "until", "soon").is(http.StatusUnprocessableEntity)
	out := b.get(b.post("/apps/webex/exclude", "who", who, "reason", "on leave", "until", "2099-01-31").is(http.StatusSeeOther).resp.Header.Get("Location"))
	if text := out.says(); !strings.Contains(text, "Left out: excluded by") || !strings.Contains(text, "on leave") || !strings.Contains(text, "until 1 February 2099, 00:00 UTC") || !strings.Contains(text, "Not in scope") {
		t.Errorf("it says %s", text)
	}
	in := b.get(b.post("/apps/webex/include", "who", who).is(http.StatusSeeOther).resp.Header.Get("Location"))
	if text := in.says(); !strings.Contains(text, "In scope") {
		t.Errorf("it says %s", text)
	}
	loose := b.get(b.post("/apps/webex/unlink", "who", who).is(http.StatusSeeOther).resp.Header.Get("Location"))
	if text := loose.says(); !strings.Contains(text, "Unlinked") {
		t.Errorf("it says %s", text)
	}
	x, err := w.target.Find(t.Context(), "User", "userName", "ada@acme.example")
	w.must(err)
	b.get("/apps/webex/link?"+url.Values{"who": {who}, "q": {"ada@acme.example"}}.Encode()).is(http.StatusOK).has("small", x[0].ID)
	linked := b.get(b.post("/apps/webex/link", "who", who, "to", x[0].ID).is(http.StatusSeeOther).resp.Header.Get("Location"))
	if text := linked.says(); !strings.Contains(text, "Linked to "+x[0].ID+", by hand") {
		t.Errorf("it says %s", text)
	}
	id := string(w.user("ada@acme.example"))
	b.post("/people/"+id+"/active", "active", "false").to("/people/" + id)
	if text := b.get("/people/" + id).says(); !strings.Contains(text, "May not sign in") || !strings.Contains(text, "excluded the person from webex") {
		t.Errorf("it says %s", text)
	}
	b.post("/people/"+id+"/active", "active", "true").to("/people/" + id)
	b.post("/people/"+id+"/active", "active", "maybe").is(http.StatusBadRequest)
}
