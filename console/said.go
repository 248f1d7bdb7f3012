package console

import "net/http"

// sayings are what a page can say was done, by the word in its address. A word that is not here says nothing, so that nobody can make
// a page of ours say theirs.
var sayings = map[string]string{
	"added":                 "Added, as a draft. Nothing runs before you turn it on.",
	"saved":                 "Saved.",
	"person-added":          "Added. Below is what each app makes of it.",
	"assigned":              "Assigned.",
	"withdrawn":             "The assignment is withdrawn.",
	"role":                  "The role is changed.",
	"mapped":                "Saved. The mappings below are in force from the next plan on.",
	"unmapped":              "The mapping is removed.",
	"restored":              "The mappings are those of the template again.",
	"scoped":                "Saved. The scope below is in force from the next plan on.",
	"drafted":               "Written into the draft. Nothing has changed yet: review whom it touches, and apply it.",
	"applied":               "The draft is in force. Below is what it has changed.",
	"applied-less":          "The draft is in force. Assignments of somebody who is not there any more were left out.",
	"draft-discarded":       "The draft is discarded. What was in force is unchanged.",
	"rebased":               "The draft is up to date. Look at whom it touches now.",
	"rolled-back":           "The draft below goes back to that version. Nothing has changed yet.",
	"revoked":               "Revoked: whoever has it is refused from now on.",
	"client-added":          "Added. Below is what to do in the client.",
	"report-cleared":        "The count begins anew.",
	"provider-added":        "Added, as a draft. Its redirect URI stands from now on; you can leave and come back.",
	"provider-enabled":      "Enabled. People can sign in through it.",
	"provider-disabled":     "Disabled. Nobody signs in through it, and its sessions answer no more.",
	"provider-deleted":      "Deleted, with its links.",
	"app-deleted":           "Deleted. Nobody signs in to it any more.",
	"session-ended":         "Ended. The applications are being told; below is whether they know.",
	"console-ended":         "Ended. Whoever had it has to sign in again.",
	"console-all-ended":     "All other sessions are ended.",
	"administrator-added":   "The role is given. They come in by signing in.",
	"administrator-removed": "The role is taken away.",
	"first":                 "Welcome. Make a local owner first: with it you can always come back, whatever becomes of links and providers.",
	"owner-added":           "Added. Try it now, in another browser.",
	"password-set":          "The password is set, and their sessions have ended.",
	"owner-changed":         "The password is changed, and the sessions of whoever had it have ended.",
	"owner-removed":         "Removed.",
	"trusted":               "The certificate is trusted for this provider. Test again.",
	"excluded":              "Kept out from now on. What there is to do about it is shown below.",
	"included":              "Nobody keeps it out any more: the rules decide again.",
	"deleted":               "Deleted. Nothing was changed outside.",
	"reading":               "The application is read again. That changes nothing there.",
	"undone":                "It is taken back. What could not be is as it was.",
	"mended":                "What differed is planned like any other change.",
	"consented":             "Consented. The connection gets its access tokens by itself from now on: test it.",
}

func said(r *http.Request) string { return sayings[r.URL.Query().Get("said")] }
