package console

import (
	"cmp"
	"errors"
	"net/http"
	"slices"
	"strings"

	"lockstep"
	"lockstep/operate"
	"lockstep/web"
	"lockstep/words"
)

// tab is one page of a thing that has several.
type tab struct {
	Word, Href string
	Here       bool
	N          int // shown beside the word; 0 is nothing
}

// fieldKind is how a field is filled in. "" is a line of text.
type fieldKind string

const (
	secretField fieldKind = "secret" // never shown again
	textField   fieldKind = "text"   // several lines
	numberField fieldKind = "number"
	dateField   fieldKind = "date"
	choiceField fieldKind = "choice" // one of few, all of them seen
	selectField fieldKind = "select" // one of many
	tickField   fieldKind = "tick"   // yes or no
)

// field is one thing to fill in, with what is wrong with it.
type field struct {
	Name, Label, Help string
	Kind              fieldKind
	Value             string
	Error             string // a sentence; "" is nothing wrong
	Choices           []choice
	Suggest           []choice // what can be meant by a part of it; anything else can be written, too
	Required          bool
	Code              bool   // in letters of one width
	Set               bool   // of a secret: there is one, and an empty field keeps it
	Hint              string // shown while it is empty
	Short             bool
	Only              string // "name:value" of a choice of the form: the field is of use with that one alone, and shown only then
	Hashed            bool   // of a secret: it is somebody's new password, of which a hash is kept

	// Was is what the page has shown, which the form sends back: who leaves the field as it was takes nothing back that somebody else has changed
	// meanwhile. Nil: the field is always kept as it is sent.
	Was *string
}

// changed reports whether whoever has sent the form changed the field.
func (f field) changed() bool { return f.Was == nil || *f.Was != f.Value }

// sharing has fields of the form say what they have shown.
func (f form) sharing(names ...string) form {
	for i := range f.Fields {
		if e := &f.Fields[i]; slices.Contains(names, e.Name) {
			was := e.Value
			e.Was = &was
		}
	}
	return f
}

// choice is one of several.
type choice struct{ Value, Word, Help string }

func (f field) id() string { return "f-" + f.Name }

// was is the name under which the form sends what it has shown.
func (f field) was() string { return "was-" + f.Name }

// described is the ids of what says more of the field.
func (f field) described() string {
	var ids []string
	if f.Error != "" {
		ids = append(ids, f.id()+"-error")
	}
	if f.Help != "" || f.Kind == secretField {
		ids = append(ids, f.id()+"-help")
	}
	return strings.Join(ids, " ")
}

// form is fields with what is wrong with them. A form that is refused is shown again as it was sent, with the reasons beside the
// fields, and status 422: nothing that somebody has written is lost.
type form struct {
	Fields []field
	Wrong  []string // of no field in particular
}

// get is the field of a name, which must be there.
func (f *form) get(name string) *field {
	for i := range f.Fields {
		if f.Fields[i].Name == name {
			return &f.Fields[i]
		}
	}
	panic("console: a form has no field " + name) //nolint:forbidigo // a mistake of ours, seen by the first test of the page
}

// value is what the field of the name has, "" when there is none.
func (f *form) value(name string) string {
	for i := range f.Fields {
		if f.Fields[i].Name == name {
			return f.Fields[i].Value
		}
	}
	return ""
}

// sent fills the fields with what was sent.
func (f *form) sent(r *http.Request) {
	for i := range f.Fields {
		e := &f.Fields[i]
		e.Value = strings.ReplaceAll(r.PostFormValue(e.Name), "\r\n", "\n")
		if e.Kind != secretField && e.Kind != textField {
			e.Value = strings.TrimSpace(e.Value)
		}
		if e.Was != nil {
			if e.Was = nil; r.PostForm.Has(e.was()) {
				shown := r.PostForm.Get(e.was())
				e.Was = &shown
			}
		}
	}
}

// faulty reports whether anything is wrong.
func (f *form) faulty() bool { return len(f.Wrong) > 0 || len(f.faults()) > 0 }

// faults are the fields with which something is wrong.
func (f *form) faults() []field {
	var all []field
	for _, e := range f.Fields {
		if e.Error != "" {
			all = append(all, e)
		}
	}
	return all
}

// wrong puts an error where it belongs: a refusal beside the field that it names, or above all fields. It returns the error when it
// is none that somebody who fills in a form can mend.
func (f *form) wrong(err error) error { return f.wrongIn(fieldOf(err), err) }

// wrongIn is wrong of a form that calls the field by another name.
func (f *form) wrongIn(name string, err error) error {
	var faulty *operate.Faulty
	if errors.As(err, &faulty) {
		for _, one := range faulty.Faults {
			f.blame(one.Field, one.Detail)
		}
		return nil
	}
	var rules *operate.RulesFaulty
	if errors.As(err, &rules) {
		for _, one := range rules.Faults {
			f.Wrong = append(f.Wrong, sentenceOf(one.Err))
		}
		return nil
	}
	if status := web.StatusOf(err); status < 400 || status >= 500 || lockstep.CodeOf(err) == lockstep.CodeAuthForbidden {
		return err
	}
	f.blame(name, sentenceOf(err))
	return nil
}

// fieldOf is the name, in forms, of what an error is about; "" is nothing in particular.
func fieldOf(err error) string {
	e, ok := errors.AsType[*lockstep.Error](err)
	if !ok {
		return ""
	}
	return cmp.Or(formNames[e.Field], e.Field)
}

// formNames are the names in forms of what has another one in the API.
var formNames = map[string]string{
	"redirect_uris": "redirects", "post_logout_redirect_uris": "after", "backchannel_logout_uri": "logout", "jwks": "keys", "jwks_uri": "keysuri",
	"entity_id": "entity", "assertion_consumer_services": "acs", "single_logout_url": "slo", "single_logout_response_url": "sloreturn", "single_logout_soap_url": "slosoap",
	"authn_context": "context", "name_id_from": "nameidfrom", "name_id": "nameid", "start_relay": "relay",
	"global_token_revocation_endpoint": "revocation", "grant_types": "credentials", "token_endpoint_auth_signing_alg": "assertion", "second_factor": "second",
	"oauth.scope": "asks", "userName": "user-name", "displayName": "name",
}

// blame says what is wrong with the field of a name, or with the form when it has no such field.
func (f *form) blame(name, detail string) {
	for i := range f.Fields {
		if f.Fields[i].Name == name {
			f.Fields[i].Error = words.Sentence(detail)
			return
		}
	}
	f.Wrong = append(f.Wrong, words.Sentence(detail))
}

// sentenceOf is an error in the words of whoever refused.
func sentenceOf(err error) string {
	if e, ok := errors.AsType[*lockstep.Error](err); ok && e.Detail != "" {
		return words.Sentence(e.Detail)
	}
	return lockstep.Describe(lockstep.CodeOf(err)).Title
}

// ticked is the value of a ticked box.
const ticked = "on"

func tickOf(is bool) string {
	if is {
		return ticked
	}
	return ""
}

// picked is a search for one of many.
type picked struct {
	ID, Label, Hint string
	Text            string // what was searched for
	Keep            []setting
}
