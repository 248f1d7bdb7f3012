package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"lockstep/e2e/parts"
)

// secondFactorSteps are what a person does in the browser, and an administrator after them.
var secondFactorSteps = []string{
	"signed in by password", "set a passkey up as they signed in", "signed in with a passkey", "refused without being verified", "added an authenticator app",
	"signed in with a code of another program, without JavaScript", "a code and a recovery code are good once", "removed by their person and by an administrator",
}

// TestSecondFactor: somebody sets a passkey and an authenticator app up in Chromium, whose virtual authenticator answers, and signs in with either at
// an application of npm's openid-client. Codes come from npm's otplib. With SCREENSHOTS it leaves pictures of the pages.
func TestSecondFactor(t *testing.T) {
	t.Parallel()
	chromium := parts.Need(t, "chromium")
	parts.NeedFile(t, filepath.Join("e2e", "webex", "node_modules", "otplib", "package.json"))
	address := parts.Address(t)
	site := "http://" + strings.Replace(address, "127.0.0.1", "localhost", 1) // a name, which passkeys need
	h := newHome(t, "LOCKSTEP_LISTEN="+address, "LOCKSTEP_PUBLIC_URL="+site)
	_, e := h.scimServer()
	e.want(http.StatusCreated, http.MethodPost, "/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"ada@acme.example","displayName":"Ada Lovelace","emails":[{"value":"ada@acme.example"}],"password":"sesame and more","active":true}`)
	h.run("idp", "add", "passwords", "--kind", "local")
	h.run("idp", "enable", "passwords")
	got, said, err := foreignWithin(t, 2*patience, "secondfactor.js", append(h.variables(), "ISSUER="+site+"/sso/default", "LOGIN=ada@acme.example", "PASSWORD=sesame and more", "LOCKSTEP="+binary,
		"CHROMIUM="+chromium, "SCREENSHOTS="+os.Getenv("SCREENSHOTS"), "ROOT="+fmt.Sprint(os.Getuid() == 0))...)
	if err != nil || !slices.Equal(got, secondFactorSteps) {
		t.Fatalf("it did\n%s\nwant\n%s\n%v\n%s", strings.Join(got, "\n"), strings.Join(secondFactorSteps, "\n"), err, said)
	}
}

// variables is the environment of the home's programs, for a script that runs them.
func (h *home) variables() []string {
	return slices.DeleteFunc(slices.Clone(h.env), func(v string) bool { return strings.HasPrefix(v, "PATH=") })
}
