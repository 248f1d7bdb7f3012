package e2e

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"lockstep/e2e/parts"
)

// scimClientSteps are what an administrator and their client do.
var scimClientSteps = []string{
	"the client is added, and its values are shown", "a token that was cut off is named", "the first request makes the waiting page green", "a request that is refused is explained", "it is green again",
	"the list has it, and the secret is shown no more",
}

// TestSCIMClientInBrowser: a SCIM client is added in the browser, and real requests of it make the page that waits for it green, or say what is wrong.
// With SCREENSHOTS it leaves pictures.
func TestSCIMClientInBrowser(t *testing.T) {
	t.Parallel()
	chromium := parts.Need(t, "chromium")
	h := newHome(t)
	served := h.start(serves, "serve")
	link := h.run("console")
	if i := strings.Index(link, "http"); i >= 0 {
		link = strings.Fields(link[i:])[0]
	}
	got := foreign(t, "scimclient.js", "LINK="+link, "CHROMIUM="+chromium, "SCREENSHOTS="+os.Getenv("SCREENSHOTS"), "ROOT="+fmt.Sprint(os.Getuid() == 0))
	if !slices.Equal(got, scimClientSteps) {
		t.Errorf("it did\n%s\nwant\n%s\n%s", strings.Join(got, "\n"), strings.Join(scimClientSteps, "\n"), served.said())
	}
}
