package console_test

import (
	"bytes"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"lockstep/operate"
	"lockstep/scim"
	"lockstep/scim/filter"
)

// TestPersonByHand: somebody is added, changed and deleted by hand; what a form does not show is kept; who was faster loses nothing.
func TestPersonByHand(t *testing.T) {
	w := newWorld(t, 0).filled()
	b := w.signedIn(w.tenant)
	b.get("/people").has("a", "Add a person…")
	wrong := b.post("/people/add", "given", "Tess").is(http.StatusUnprocessableEntity)
	if wrong.value("given") != "Tess" {
		t.Error("what was written is lost")
	}
	wrong.has("bdi", "Give a user name.")
	b.post("/people/add", "user-name", "ADA@acme.example").is(http.StatusUnprocessableEntity)
	b.post("/people/add", "user-name", "tess@acme.example", "given", "Tess", "family", "Test", "department", "Lab").is(http.StatusSeeOther)
	id := w.user("tess@acme.example")
	u, err := w.operator.UserByID(t.Context(), operate.Machine(w.tenant), id)
	w.must(err)
	for path, want := range map[string]string{
		"displayName": "Tess Test", "name.givenName": "Tess", `emails[type eq "work"].value`: "tess@acme.example",
		"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department": "Lab",
	} {
		p, err := filter.ParsePath(path)
		w.must(err)
		if got := scim.First(u.Attributes, p); got != want {
			t.Errorf("%s is %v, want %s", path, got, want)
		}
	}

	edit := "/people/" + string(id) + "/edit"
	form := b.get(edit)
	first := form.value("version")
	fields := []string{"user-name", form.value("user-name"), "given", "Tess", "family", "Test", "display", "Tessa", "mail", form.value("mail"), "department", "Lab"}
	b.post(edit, append(fields, "version", first, "title", "Tester")...).is(http.StatusSeeOther)
	late := b.post(edit, append(fields, "version", first, "title", "Chief")...).is(http.StatusConflict)
	late.has("bdi", "Somebody has changed this person meanwhile. It is now: Tester.")
	if late.value("title") != "Chief" {
		t.Error("what was written is lost")
	}
	now := late.value("version")
	b.post(edit, append(fields, "version", now, "title", "Chief")...).is(http.StatusSeeOther)
	again := b.get(edit)
	if again.value("title") != "Chief" || again.value("display") != "Tessa" {
		t.Errorf("kept: %s, %s", again.value("title"), again.value("display"))
	}
	b.post(edit, append(fields, "version", "x")...).is(http.StatusBadRequest)

	ada := "/people/" + string(w.user("ada@acme.example"))
	b.get(ada+"/edit").has("a", "People") // the source that they come from
	b.post("/people/" + string(id) + "/delete").is(http.StatusSeeOther)
	b.get("/people/"+string(id)).has("button", "Restore")
	b.get(edit).is(http.StatusConflict)
	b.get("/people/nobody/edit").is(http.StatusNotFound)
}

// TestAssignFromPerson: whom only an assignment lacks can be assigned from their page, without being looked for again.
func TestAssignFromPerson(t *testing.T) {
	w := newWorld(t, 0).filled()
	b := w.signedIn(w.tenant)
	b.post("/people/add", "user-name", "tess@acme.example").is(http.StatusSeeOther)
	page := b.get("/people/" + string(w.user("tess@acme.example")))
	var to string
	for _, a := range page.find("a", "") {
		if strings.Contains(a.attr["href"], "/assignments?") {
			to = a.attr["href"]
		}
	}
	if to == "" {
		t.Fatal("nothing leads to the assignment")
	}
	if b.get(to).value("to") != "user:"+string(w.user("tess@acme.example")) {
		t.Error("they are not chosen there")
	}
	page = b.get("/people/" + string(w.user("ada@acme.example")))
	for _, a := range page.find("a", "") {
		if strings.Contains(a.attr["href"], "/assignments?") {
			t.Error("who is assigned is offered to be assigned")
		}
	}
}

// TestFilesFromTheBrowser: a file that is sent from the page stands where the source reads it, and is tested.
func TestFilesFromTheBrowser(t *testing.T) {
	w := newWorld(t, 0)
	b := w.signedIn(w.tenant)
	b.get("/sources/hr/connection").has("h2", "Send files from here")
	send := func(field, name, text string) *answer {
		var body bytes.Buffer
		form := multipart.NewWriter(&body)
		part, err := form.CreateFormFile(field, name)
		w.must(err)
		_, err = part.Write([]byte(text))
		w.must(err)
		w.must(form.Close())
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, b.server.URL+"/sources/hr/files", &body)
		w.must(err)
		r.Header.Set("Content-Type", form.FormDataContentType())
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		return b.send(r)
	}
	long := strings.Repeat("9,zed@acme.example,Zed\n", 40_000) // more than other forms may have
	sent := send("people", `..\..\people.csv`, "id,userName,displayName\n"+long).is(http.StatusOK)
	sent.has("span", "1 file is in its place.")
	if text, err := os.ReadFile(filepath.Join(w.folder, "people.csv")); err != nil || !strings.HasSuffix(string(text), long) {
		t.Errorf("people.csv has %d bytes, %v", len(text), err)
	}
	send("people", "", "x").is(http.StatusUnprocessableEntity).has("bdi", "Choose a file first.")
	send("delimiter", "x.csv", "x").is(http.StatusUnprocessableEntity)
	b.post("/sources/hr/files", "people", "x").is(http.StatusBadRequest)
	b.post("/apps/webex/files", "people", "x").is(http.StatusBadRequest)
}
