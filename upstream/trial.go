package upstream

import (
	"context"
	"maps"
	"slices"
	"strings"

	"lockstep"
	"lockstep/sso"
)

// Trial is a test sign-in: a login at a provider that may still be a draft, which signs nobody in and of which everything is there to
// be shown. It holds no secret. Whoever runs it keeps the attempt, and this, between the two halves.
type Trial struct {
	Hops   []sso.Stage
	Raw    []Said   // what the provider said, by name
	Mapped []Mapped // what was taken for what
	Match  Match
	Advice []string // what works and could still be better, one sentence each
	Code   lockstep.Code
	Detail string // why it failed; empty when it worked
	OK     bool
}

// Said is one claim or attribute, as people read it.
type Said struct{ Name, Value string }

// Mapped is one field of a person and the claim that fills it.
type Mapped struct {
	Field string // the field's title, such as "E-mail address"
	Claim string
	Value string
	Note  string // why the value is not used, or ""
}

// Match is whom the person would be here. Whoever knows the directory says so.
type Match struct {
	Person string // the user name of who was found, or ""
	Says   string // one sentence: found by what, would be created, refused and why
}

// Matcher tells whom an identity would be. It changes nothing.
type Matcher func(ctx context.Context, who sso.Identity) (Match, error)

// maxHops bounds what a trial keeps.
const maxHops = 50

// Stage takes one down, so that a trial is the sso.Recorder of its login.
func (t *Trial) Stage(s sso.Stage) {
	if len(t.Hops) < maxHops {
		s.Facts = maps.Clone(s.Facts)
		t.Hops = append(t.Hops, s)
	}
}

// BeginTrial is the first half. The provider must pass Check; its state does not matter.
func (o *Opener) BeginTrial(ctx context.Context, p sso.Provider, a sso.Attempt) (*Trial, sso.Redirect, error) {
	t := &Trial{}
	up, err := o.Open(ctx, p)
	if err != nil {
		t.failed(err)
		return t, sso.Redirect{}, err
	}
	to, err := up.Begin(ctx, a, t)
	if err != nil {
		t.failed(err)
	}
	return t, to, err
}

// FinishTrial is the second half, with what the browser brought back. That the sign-in failed is no error: the trial says why.
func (o *Opener) FinishTrial(ctx context.Context, p sso.Provider, a sso.Attempt, c sso.Callback, t *Trial, match Matcher) error {
	up, err := o.Open(ctx, p)
	if err != nil {
		t.failed(err)
		return err
	}
	who, err := up.Finish(ctx, a, c, t)
	return t.end(ctx, p, who, err, match)
}

// TryPassword is a trial of a provider that is asked by a form of ours.
func (o *Opener) TryPassword(ctx context.Context, p sso.Provider, name, password string, match Matcher) (*Trial, error) {
	t := &Trial{}
	up, err := o.Open(ctx, p)
	if err != nil {
		t.failed(err)
		return t, err
	}
	form, ok := up.(sso.Passwords)
	if !ok {
		err := &lockstep.Error{Code: lockstep.CodeIdPUnsupported, Detail: "this provider asks for the password itself"}
		t.failed(err)
		return t, err
	}
	who, err := form.SignIn(ctx, name, password, t)
	return t, t.end(ctx, p, who, err, match)
}

func (t *Trial) failed(err error) {
	t.Code, t.Detail = lockstep.CodeOf(err), cleanText(err.Error(), 500)
	if last := len(t.Hops) - 1; last >= 0 && !t.Hops[last].OK { // its own words, and not those that people get who sign in
		t.Code, t.Detail = t.Hops[last].Code, t.Hops[last].Detail
	}
}

// end fills in what the provider said.
func (t *Trial) end(ctx context.Context, p sso.Provider, who sso.Identity, failed error, match Matcher) error {
	if failed != nil {
		t.failed(failed)
		return nil
	}
	for _, name := range slices.Sorted(keysOf(who.Claims)) {
		value := cleanText(show(who.Claims[name]), maxFact)
		if secretName(name) {
			value = "(taken out)"
		}
		t.Raw = append(t.Raw, Said{cleanText(name, 120), value})
	}
	t.mapClaims(settingsOf(p), who)
	t.advise(p, who)
	found, err := match(ctx, who)
	if err != nil {
		t.failed(err)
		return err
	}
	t.Match, t.OK = found, true
	return nil
}

func (t *Trial) mapClaims(set settings, who sso.Identity) {
	t.Mapped = []Mapped{{Field: "Subject", Claim: subjectClaim(set), Value: who.Subject}}
	used := map[string]string{
		"claim_username": who.UserName, "claim_email": who.Email, "claim_name": who.Name, "claim_given_name": who.GivenName, "claim_family_name": who.FamilyName,
	}
	for _, f := range Form(set.provider.Kind) {
		path := set.text(f.Name)
		if f.Section != Claims || !strings.HasPrefix(f.Name, "claim_") || f.Name == "claim_subject" || path == "" {
			continue
		}
		m := Mapped{Field: f.Title, Claim: path}
		value, there := lookUp(who.Claims, path)
		if there {
			m.Value = cleanText(show(value), maxFact)
		}
		taken, one := used[f.Name]
		switch {
		case !there:
			m.Note = "the provider does not send it"
		case one && taken == "":
			m.Note = "it is not used: it is empty, or no " + strings.ToLower(f.Title)
		}
		t.Mapped = append(t.Mapped, m)
	}
}

// subjectClaim names where the subject comes from.
func subjectClaim(set settings) string {
	switch set.provider.Kind {
	case sso.KindOAuth2:
		return set.text("claim_subject")
	case sso.KindEntra:
		return "oid"
	case sso.KindSAML:
		return or(set.text("subject_attribute"), "name_id")
	case sso.KindLDAP:
		return or(set.text("id_attribute"), strings.Join(idAttributes(), ", "))
	}
	return "sub"
}

func (t *Trial) advise(p sso.Provider, who sso.Identity) {
	say := func(text string) { t.Advice = append(t.Advice, text) }
	switch {
	case who.UserName == "" && who.Email == "":
		say("There is neither a user name nor an e-mail address, so that people can be found only by a link that exists already.")
	case who.Email == "":
		say("There is no e-mail address; people are found by their user name alone.")
	case !who.EmailVerified && p.TrustEmail:
		say("The provider does not say that the e-mail address was verified, so that it links nobody, although this provider's is trusted.")
	}
	for _, hop := range t.Hops {
		if clock := hop.Facts["their clock"]; clock != "" && clock != "as ours" {
			say("The provider's clock is " + clock + ".")
			break
		}
	}
	for _, hop := range t.Hops {
		if hop.Facts["tls"] == "none" {
			say("The way to the provider is not encrypted.")
			break
		}
	}
	if preset, ok := presetOf(p); ok && preset.Assumed {
		say("The addresses of this preset were assumed until now: this sign-in shows that they hold for you.")
	}
}
