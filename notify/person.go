package notify

import (
	"fmt"
	"strings"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/words"
)

// A person is told by mail when somebody changes what they sign in with: whoever did it without them has not seen the mail. It names what was changed, when,
// and by whom; never a secret, nor an address to open, since mails like this are what people are fooled with.

// The kinds of what somebody signs in with.
const (
	KeyPassword = "password"
	KeyPasskey  = "passkey"
	KeyApp      = "authenticator app"
	KeyCodes    = "recovery codes"
	KeyIdentity = "identity" // at an identity provider
)

// KeyChange is what was done to one thing that a person signs in with.
type KeyChange struct {
	Done string // added, removed or changed
	Key  string
	Name string // of a passkey or provider; "" is none
}

// personGather is how long a mail to a person waits for more of the same: a factor and its recovery codes are one mail.
const personGather = 10 * time.Second

// PersonMails is how many mails like this a person gets in a day; the last one says that there are no more. What is not mailed stands in the audit log.
const PersonMails = 12

// OfPerson is what stands in place of a job in a message to a person.
func OfPerson(u lockstep.UserID) lockstep.JobID { return "person " + lockstep.JobID(u) }

// ToPerson tells somebody of a change, in their language. sent is how many they were sent in the last day: beyond PersonMails there is no message.
func ToPerson(u lockstep.UserID, to, lang string, by audit.Actor, c KeyChange, sent int, now time.Time) (Message, bool) {
	if to == "" || sent >= PersonMails {
		return Message{}, false
	}
	t := personTexts[personLang(lang)]
	body := t.intro + "\n\n" + personLine(u, lang, by, c, now) + "\n" + t.foot
	if sent == PersonMails-1 {
		body += "\n" + t.last
	}
	m := newMessage(Message{Job: OfPerson(u), Outlet: ByMail, To: to, Subject: t.subject, Text: body, Created: now})
	m.Due = now.Add(personGather)
	return m, true
}

// MoreToPerson is the text of a message that waits, with another change in it.
func MoreToPerson(text string, u lockstep.UserID, lang string, by audit.Actor, c KeyChange, now time.Time) string {
	foot := "\n" + personTexts[personLang(lang)].foot
	before, after, _ := strings.Cut(text, foot)
	return before + personLine(u, lang, by, c, now) + foot + after
}

func personLine(u lockstep.UserID, lang string, by audit.Actor, c KeyChange, now time.Time) string {
	t := personTexts[personLang(lang)]
	who := t.others
	if by.Kind == audit.Person && by.ID == string(u) {
		who = t.you
	}
	what := t.keys[c.Key]
	if c.Name != "" {
		what += " “" + words.Clip(words.Clean(c.Name), 100) + "”"
	}
	return fmt.Sprintf("- %s: %s, %s (%s)\n", what, t.done[c.Done], now.UTC().Format("2006-01-02 15:04")+" UTC", who)
}

type personText struct {
	subject, intro, foot, last, you, others string
	keys, done                              map[string]string
}

var personTexts = map[string]personText{
	"en": {
		subject: "What you sign in with has changed", intro: "What you sign in with has changed:",
		foot: "If you did this, or asked for it, there is nothing to do. If not, tell your administrator at once.\n", last: "There were many changes today. You get no more mails about them until tomorrow.\n",
		you: "by you, signed in", others: "by an administrator, or a program of theirs",
		keys: map[string]string{KeyPassword: "Password", KeyPasskey: "Passkey", KeyApp: "Authenticator app", KeyCodes: "Recovery codes", KeyIdentity: "Identity provider"},
		done: map[string]string{"added": "added", "removed": "removed", "changed": "changed"},
	},
	"de": {
		subject: "Womit Sie sich anmelden, hat sich geändert", intro: "Womit Sie sich anmelden, hat sich geändert:",
		foot: "Wenn Sie das waren oder darum gebeten haben, ist nichts zu tun. Wenn nicht, sagen Sie es sofort Ihrer Administration.\n", last: "Heute gab es viele Änderungen. Bis morgen bekommen Sie dazu keine Mails mehr.\n",
		you: "von Ihnen, angemeldet", others: "von der Administration oder einem ihrer Programme",
		keys: map[string]string{KeyPassword: "Passwort", KeyPasskey: "Passkey", KeyApp: "Authenticator-App", KeyCodes: "Wiederherstellungscodes", KeyIdentity: "Identitätsanbieter"},
		done: map[string]string{"added": "hinzugefügt", "removed": "entfernt", "changed": "geändert"},
	},
}

// personLang is the language of a tag that there are texts in; English where there are none.
func personLang(tag string) string {
	primary, _, _ := strings.Cut(strings.ToLower(tag), "-")
	if primary == "de" {
		return primary
	}
	return "en"
}
