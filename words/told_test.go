package words

import "testing"

// TestTell: lines of the audit log read as somebody would say them, of whatever kind of object they are.
func TestTell(t *testing.T) {
	const id = "01a22d55-f9d6-7abc-8def-0123456789ab"
	for _, c := range []struct{ who, verb, object, name, detail, says, beside string }{
		{"administrator of this machine", "updated", "job", "Cisco Webex", "rules", "The administrator of this machine changed mappings and scope of Cisco Webex", ""},
		{"mia", "updated", "job", "Cisco Webex", "state paused", "mia paused Cisco Webex", ""},
		{"mia", "updated", "job", "Cisco Webex", "state active, run now", "mia turned on Cisco Webex", ""},
		{"mia", "updated", "job", "Cisco Webex", "name, policy", "mia changed Cisco Webex", "name, settings"},
		{"mia", "updated", "job", "Cisco Webex", "", "mia saved Cisco Webex", ""},
		{"mia", "created", "job", "Cisco Webex", "", "mia set up Cisco Webex", ""},
		{"mia", "set secret of", "job", "Cisco Webex", "client_secret", "mia set the client secret of Cisco Webex", ""},
		{"mia", "discarded plan of", "job", "Cisco Webex", id, "mia discarded the plan of Cisco Webex", "plan " + id},
		{"mia", "approved changes of", "job", "Cisco Webex", "1", "mia approved 1 change of Cisco Webex", ""},
		{"mia", "rejected changes of", "job", "Cisco Webex", "12", "mia rejected 12 changes of Cisco Webex", ""},
		{"mia", "approved changes of", "job", "Cisco Webex", "6: the site closes: all of it", "mia approved 6 changes of Cisco Webex", "the site closes: all of it"},
		{"mia", "tried plan of", "job", "Cisco Webex", "ada@acme.example: first", "mia applied to one alone the plan of Cisco Webex", "ada@acme.example: first"},
		{"mia", "put back changes of", "job", "Cisco Webex", "2", "mia put back 2 changes of Cisco Webex", ""},
		{"mia", "restored", "drift", id, "3 objects of webex", "mia restored what others had changed at webex", "3 objects"},
		{"mia", "restored drift at", "job", "Cisco Webex", "3 objects", "mia restored what others had changed at Cisco Webex", "3 objects"},
		{"mia", "linked somebody by hand in", "job", "Cisco Webex", "ada to x", "mia linked somebody by hand in Cisco Webex", "ada to x"},
		{"mia", "created", "assignment", "ada@acme.example at Cisco Webex", "User", "mia assigned ada@acme.example to Cisco Webex", "User"},
		{"mia", "deleted", "assignment", "Sales at Cisco Webex", "User", "mia took Sales out of Cisco Webex", "User"},
		{"mia", "updated", "user", "ada@acme.example", "title", "mia changed the person ada@acme.example", "title"},
		{"mia", "purged", "user", "ada@acme.example", "", "mia deleted the person ada@acme.example for good", ""},
		{"mia", "excluded from crm", "user", "ada@acme.example", "on leave", "mia excluded the person ada@acme.example from crm", "on leave"},
		{"mia", "let back into crm", "group", "Sales", "", "mia let the group Sales back into crm", ""},
		{"mia", "added members to", "group", "Sales", "3", "mia added 3 members to the group Sales", ""},
		{"mia", "signed in to", "console", "console", "", "mia signed in to the console", ""},
		{"mia", "updated", "notifications", "", "mail server none", "mia changed who is told by mail and webhook", "mail server none"},
		{"mia", "updated", "notifications", "Cisco Webex", "", "mia changed who is told of Cisco Webex", ""},
		{"mia", "ended", "console session", "all sessions of the console", "4 ended", "mia ended all sessions of the console", "4 ended"},
		{"mia", "ended", "session", "ada@acme.example", "", "mia ended the sessions of ada@acme.example", ""},
		{"mia", "deleted", "client", id, "", "mia deleted the application", ""},
		{"sign-in", "used", "recovery code", id, "", "sign-in used a recovery code", ""},
		{"", "told applications of", "sign-out", "ada@acme.example", "2 of 2", "Lockstep told applications of the sign-out of ada@acme.example", "2 of 2"},
		{"", "created", "signing key", "RS256", "", "Lockstep added a signing key RS256", ""},
	} {
		if told := Tell(c.who, c.verb, c.object, c.name, c.detail); told.Sentence() != c.says || told.Detail != c.beside {
			t.Errorf("%s %s %s (%s): %q beside %q", c.verb, c.object, c.name, c.detail, told.Sentence(), told.Detail)
		}
	}
}

// TestSearched: whoever searches for what a page says finds what the log keeps.
func TestSearched(t *testing.T) {
	for text, want := range map[string]string{"changed": "updated", "Added": "created", "turned on": "state active", "mappings": "rules", "ada@acme.example": "", "": ""} {
		got := ""
		if all := Searched(text); len(all) > 0 {
			got = all[0]
		}
		if got != want {
			t.Errorf("%q is searched for as %q, want %q", text, got, want)
		}
	}
}
