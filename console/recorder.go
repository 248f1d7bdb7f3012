package console

import (
	"slices"
	"strings"

	"lockstep/operate"
	"lockstep/sso"
	"lockstep/words"
)

// attempt is a sign-in that has ended, as pages show it.
type attempt struct {
	operate.SeenAttempt
	Href    string
	Word    string // how it ended
	Icon    string
	Tone    tone
	Stages  []stage
	Failure *failure
}

// stage is one stage of it.
type stage struct {
	N       int
	Name    string
	OK      bool
	Detail  string
	Fix     string
	Took    string
	Code    string
	Facts   []setting
	Missing string // the authority whose certificate is missing
}

// stageNames are the stages as people read them.
var stageNames = map[string]string{
	"authorize": "Sent to the provider", "claims": "Claims read", "assertion": "SAML assertion checked", "session": "Session of this browser", "callback": "Back from the provider", "token": "Code exchanged for tokens", "id_token": "ID token checked",
	"userinfo": "User info asked for", "match": "Person of the directory", "code": "Code given to the application",
	"password": "Password checked",
}

func attemptOf(seen operate.SeenAttempt) attempt {
	a := attempt{SeenAttempt: seen, Href: "/signin/attempts/" + string(seen.ID)}
	switch {
	case seen.Outcome == sso.OutcomeSigned:
		a.Word, a.Icon, a.Tone = "Signed in", "check", good
	case seen.Outcome == sso.OutcomeTested && seen.Code == "":
		a.Word, a.Icon, a.Tone = "Test passed", "check", good
	case seen.Outcome == sso.OutcomeTested:
		a.Word, a.Icon, a.Tone = "The provider works", "check", warn
	case seen.Test():
		a.Word, a.Icon, a.Tone = "Test failed", "alert", bad
	default:
		a.Word, a.Icon, a.Tone = "Refused", "alert", bad
	}
	for i, s := range seen.Stages {
		to := stage{N: i + 1, Name: stageNames[s.Name], OK: s.OK, Detail: told(s.Detail), Fix: s.Fix, Code: string(s.Code), Missing: s.Facts["missing authority"]}
		if s.Name == "authorize" && s.Facts["client"] != "" {
			to.Name = "Asked for by the application"
		}
		if to.Name == "" {
			to.Name = words.Upper(s.Name)
		}
		if s.Took > 0 {
			to.Took = words.Lasted(s.Took)
		}
		for _, name := range sortedKeys(s.Facts) {
			to.Facts = append(to.Facts, setting{name, s.Facts[name]})
		}
		a.Stages = append(a.Stages, to)
	}
	if seen.Code != "" {
		f := failureOf(seen.Code, seen.Detail)
		if slices.ContainsFunc(seen.Stages, func(s sso.Stage) bool { return !s.OK && s.Detail != "" }) {
			f.Detail = "" // it stands at its stage
		}
		a.Failure = &f
	}
	return a
}

// told is a detail as a sentence. One that begins with the name of a host keeps it as it is.
func told(detail string) string {
	first, _, _ := strings.Cut(detail, " ")
	switch {
	case detail == "":
		return ""
	case strings.Contains(strings.TrimRight(first, ".:,"), "."):
		return strings.TrimRight(detail, ".") + "."
	}
	return words.Sentence(detail)
}

// missing is the authority whose certificate was missing, "" when that was not it.
func (a *attempt) missing() string {
	i := slices.IndexFunc(a.Stages, func(s stage) bool { return !s.OK && s.Code == "idp.ca_unknown" })
	if i < 0 {
		return ""
	}
	return strings.TrimSpace(a.Stages[i].Missing)
}

// distrusted reports whether the provider's certificate was not trusted.
func (a *attempt) distrusted() bool {
	return slices.ContainsFunc(a.Stages, func(s stage) bool { return !s.OK && s.Code == "idp.ca_unknown" })
}
