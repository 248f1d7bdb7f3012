package e2e

import (
	"database/sql"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"lockstep/e2e/parts"
)

// adminFactorSteps are what an administrator does in the browser.
var adminFactorSteps = []string{
	"signed in with a password, and set a passkey up on the way", "into the console with a passkey", "a severe act is held up after a while", "the password alone does not go on with it",
	"shown who one is, with the second factor", "the act is done", "an administrator without a second factor gets nowhere",
}

// TestAdministratorsFactor: administrators come into the console through the login page of the tenant, where a second factor is demanded of them, in Chromium with a virtual authenticator; and
// show it again before a severe act when it is a while since they did. With SCREENSHOTS it leaves pictures of the pages.
func TestAdministratorsFactor(t *testing.T) {
	t.Parallel()
	chromium := parts.Need(t, "chromium")
	address := parts.Address(t)
	site := "http://" + strings.Replace(address, "127.0.0.1", "localhost", 1) // a name, which passkeys need
	h := newHome(t, "LOCKSTEP_LISTEN="+address, "LOCKSTEP_PUBLIC_URL="+site)
	_, e := h.scimServer()
	for _, name := range []string{"ada", "ben"} {
		e.want(http.StatusCreated, http.MethodPost, "/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"`+name+`@acme.example","displayName":"`+name+`","password":"sesame and more","active":true}`)
	}
	h.run("idp", "add", "passwords", "--kind", "local")
	h.run("idp", "enable", "passwords")
	h.run("admin", "add", "--user", "ada@acme.example", "--role", "owner")
	h.run("client", "set", "lockstep-console", "--second-factor", "required")
	older := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if err := h.longAgo(20 * time.Minute); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	}))
	t.Cleanup(older.Close)
	got, said, err := foreignWithin(t, 2*patience, "adminfactor.js", append(h.variables(), "SITE="+site, "OLDER="+older.URL, "LOGIN=ada@acme.example", "OTHER=ben@acme.example", "PASSWORD=sesame and more", "LOCKSTEP="+binary,
		"CHROMIUM="+chromium, "SCREENSHOTS="+os.Getenv("SCREENSHOTS"), "ROOT="+fmt.Sprint(os.Getuid() == 0))...)
	if err != nil || !slices.Equal(got, adminFactorSteps) {
		t.Fatalf("it did\n%s\nwant\n%s\n%v\n%s", strings.Join(got, "\n"), strings.Join(adminFactorSteps, "\n"), err, said)
	}
}

// longAgo has everybody in the console have shown who they are so much earlier.
func (h *home) longAgo(by time.Duration) error {
	found, err := filepath.Glob(filepath.Join(h.dir, "share", "*", "*.db"))
	if err != nil || len(found) != 1 {
		return fmt.Errorf("databases: %v, %w", found, err)
	}
	db, err := sql.Open("sqlite", found[0]+"?_pragma=busy_timeout(30000)")
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.Exec("UPDATE console_session SET proved = proved - ?", by.Milliseconds())
	return err
}
