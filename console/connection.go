package console

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"time"

	"lockstep"
	"lockstep/connection"
	"lockstep/operate"
	"lockstep/provision"
	"lockstep/words"
)

// connectionView is how an app or a source is reached, as a form.
type connectionView struct {
	Head    head
	Kind    operate.Template
	Said    string
	Form    form
	More    []field // what is seldom set
	Address string  // where the settings lead to
	Checks  []check // of the test that was just made
	Tested  bool
	Failure *failure
	Scopes  string // that are asked for, where it is known beforehand

	Consent  operate.Consented
	Redirect string            // to be registered at the application
	Login    string            // where somebody consents; "" unless that was just asked for
	Host     string            // of it
	Shared   []operate.Sharing // other apps that lead to the same place
	Files    []upload          // that can be sent from here
	Uploads  form              // what is wrong with files that were sent
	Sent     string            // what has become of them
}

// check is one line of a connection test.
type check struct {
	Name, Detail, Took string
	OK                 bool
}

// settingChoices are the values of settings that take few.
var settingChoices = map[string][]choice{
	"webex region":      {{"commercial", "Webex", "webexapis.com"}, {"government", "Webex for Government", "api-usgov.webex.com, FedRAMP"}},
	"csvfile delimiter": {{"auto", "Found out from the file", ""}, {",", "Comma", ""}, {";", "Semicolon", ""}, {"tab", "Tab", ""}, {"|", "Vertical bar", ""}},
	"scimapp auth": {
		{"token", "A fixed token", ""}, {"client_credentials", "OAuth 2.0, client ID and secret or key", ""}, {"authorization_code", "OAuth 2.0, consent of an administrator", ""},
	},
	"scimapp client_auth": {
		{"client_secret_basic", "Secret in the header", "client_secret_basic"}, {"client_secret_post", "Secret in the body", "client_secret_post"},
		{"private_key_jwt", "Signed with a key", "private_key_jwt"},
	},
	"webex auth": {
		{"token", "A token that I paste", "of an administrator, good for a year at most"},
		{"authorization_code", "OAuth 2.0, consent of an administrator", "to your integration; refreshed by itself"},
		{"refresh_token", "OAuth 2.0, a service app", "with the refresh token that it was given; refreshed by itself"},
	},
	"webex client_auth": {
		{"client_secret_post", "Secret in the body", "client_secret_post"}, {"client_secret_basic", "Secret in the header", "client_secret_basic"},
	},
	"scimapp unique": {{"users", "Of users", ""}, {"all", "Of users and groups", ""}, {"none", "Of nobody", ""}},
}

// onlyBy are the settings and secrets of a connection that matter to one way to sign in alone, and which that is: a fixed token, access tokens (OAuth 2.0)
// with a secret or with a key, those by consent, or those of a refresh token that is typed.
var onlyBy = map[string]string{
	"token": "auth:token", "token_url": "auth:oauth", "client_id": "auth:oauth", "client_auth": "auth:oauth", "oauth_scope": "auth:oauth", "authorize_url": "auth:consent",
	"client_secret": "auth:secret", "client_key": "auth:key", "token_expires": "auth:token", "redirect": "auth:token", "refresh_token": "auth:refresh",
	"oauth_audience": "auth:oauth", "oauth_resource": "auth:oauth", "oauth_issuer": "auth:oauth", "key_id": "auth:key",
}

// only is the way to sign in to which alone a setting or secret matters; "" is all, or there is but one.
func (v *connectionView) only(name string) string {
	if !slices.ContainsFunc(v.Kind.Settings, func(s operate.Setting) bool { return s.Name == "auth" }) {
		return ""
	}
	return onlyBy[name]
}

// rarely are settings that few people need, beside all that have a default.
var rarely = map[string]bool{
	"webex endpoint": true, "webex authorize_url": true, "webex token_url": true, "webex client_auth": true, "ldap ca": true, "ldap people_base": true, "ldap groups_base": true, "ldap people_filter": true, "ldap groups_filter": true,
	"ldap attributes": true, "ldap id": true, "ldap group_id": true, "scimapp page_size": true, "scimapp unique": true, "scimapp oauth_audience": true, "scimapp oauth_resource": true, "scimapp oauth_issuer": true, "scimapp key_id": true, "scimapp max_members": true, "scimapp find_batch": true,
}

func (s *Server) showConnection(w http.ResponseWriter, r *http.Request, v visit) error {
	view, j, err := s.connectionView(r, &v)
	if err != nil {
		return err
	}
	if to := misplaced(r, j); to != "" {
		return seeOther(w, r, to)
	}
	view.Said = said(r)
	return s.render(w, r, http.StatusOK, connectionPage(v.page, view))
}

func (s *Server) connectionView(r *http.Request, v *visit) (view connectionView, j provision.Job, err error) {
	if j, view.Head, err = s.open(r, v, "/connection", "connection"); err != nil {
		return view, j, err
	}
	if view.Kind, err = s.Operator.Template(v.who, j.Connection.Kind); err != nil {
		return view, j, err
	}
	if j.Direction == provision.Outbound {
		if view.Shared, err = s.Operator.Shared(r.Context(), v.who, j.Slug); err != nil {
			return view, j, err
		}
		if view.Consent, err = s.Operator.Consented(r.Context(), v.who, j.Slug); err != nil {
			return view, j, err
		}
		view.Redirect = s.Operator.ConsentRedirect()
	}
	view.fill(j)
	view.Files = s.uploads(view.Kind, j)
	return view, j, nil
}

// fill makes the fields of the template with the values of the job.
func (v *connectionView) fill(j provision.Job) {
	if v.Kind.ParseAddress != nil {
		v.Form.Fields = append(v.Form.Fields, field{
			Name: "paste", Label: "Tenant URL or organisation ID", Code: true, Hint: "Paste it, and it is taken apart below",
			Help: "As instructions print it, such as https://api.ciscospark.com/v1/scim/YOUR-ORGANISATION-ID; or the ID alone, plain or encoded.",
		})
	}
	var last []field // what is about the secret comes after it
	presets := map[string]string{}
	if v.Kind.Presets != nil {
		presets = v.Kind.Presets(j.Connection.Settings)
	}
	for _, one := range v.Kind.Settings {
		f := settingField(v.Kind.Kind, one, j.Connection.Settings[one.Name])
		f.Only = v.only(one.Name)
		if f.Hint == "" {
			f.Hint = presets[one.Name]
		}
		if one.Name == "token_expires" {
			last = append(last, f)
			continue
		}
		if rarely[v.Kind.Kind+" "+one.Name] || one.Default != "" && f.Kind != choiceField && one.Name != "people" {
			v.More = append(v.More, f)
		} else {
			v.Form.Fields = append(v.Form.Fields, f)
		}
	}
	for _, one := range v.Kind.Secrets {
		f := field{Name: "secret-" + one.Name, Label: one.Label, Help: one.Help, Kind: secretField, Required: one.Required, Only: v.only(one.Name)}
		if one.Help != "" {
			f.Help = one.Help + " "
		}
		for _, there := range j.Connection.Secrets {
			f.Set = f.Set || there == one.Name
		}
		v.Form.Fields = append(v.Form.Fields, f)
	}
	if v.Kind.TokenPage != "" {
		v.Form.Fields = append(v.Form.Fields, field{
			Name: "redirect", Label: "The whole address at which the sign-in ended", Code: true, Hint: "http://localhost:3000/auth/code#access_token=…",
			Help: "Token and expiry are taken out of it; nothing else is kept.", Only: v.only("redirect"),
		})
	}
	v.Form.Fields = append(v.Form.Fields, last...)
	v.addressed(j.Connection.Settings)
	v.Scopes = presets["oauth_scope"]
	if own := j.Connection.Settings["oauth_scope"]; own != "" {
		v.Scopes = own
	}
}

// settingField is a setting as a field.
func settingField(kind string, s operate.Setting, value string) field {
	f := field{Name: "set-" + s.Name, Label: words.Upper(s.Label), Help: s.Help, Required: s.Required, Value: value, Hint: s.Default, Code: true}
	if f.Label == "" {
		f.Label = s.Name
	}
	choices := settingChoices[kind+" "+s.Name]
	switch {
	case len(choices) > 0 && len(choices) < 4:
		f.Kind, f.Choices, f.Help = choiceField, choices, ""
	case len(choices) > 0:
		f.Kind, f.Choices = selectField, choices
	case s.Default == "true" || s.Default == "false":
		f.Kind, f.Value = tickField, tickOf(value == "true")
	case s.Name == "ca":
		f.Kind = textField
	case s.Name == "token_expires":
		f.Kind, f.Short, f.Hint = dateField, true, ""
	}
	if f.Value == "" && len(choices) > 0 {
		f.Value = s.Default
	}
	return f
}

// addressed shows where settings lead to.
func (v *connectionView) addressed(settings map[string]string) {
	v.Address = ""
	if v.Kind.Address != nil {
		if address, err := v.Kind.Address(settings); err == nil {
			v.Address = address
		}
	}
}

// all are all fields of the form.
func (v *connectionView) all() []*field {
	var all []*field
	for i := range v.Form.Fields {
		all = append(all, &v.Form.Fields[i])
	}
	for i := range v.More {
		all = append(all, &v.More[i])
	}
	return all
}

// field is the field of a name, nil when there is none.
func (v *connectionView) field(name string) *field {
	for _, f := range v.all() {
		if f.Name == name {
			return f
		}
	}
	return nil
}

// faulty reports whether something cannot be saved.
func (v *connectionView) faults() form {
	f := v.Form
	f.Fields = append(append([]field(nil), f.Fields...), v.More...)
	return f
}

func (s *Server) saveConnection(w http.ResponseWriter, r *http.Request, v visit) error {
	view, j, err := s.connectionView(r, &v)
	if err != nil {
		return err
	}
	more := form{Fields: view.More}
	more.sent(r)
	view.Form.sent(r)
	do := r.PostFormValue("do")
	if view.Form.value("paste") == "" && do == "take" {
		do = "save" // the first button of a form is what Enter presses in any field
	}
	view.pasted(s.now())
	change := view.change(j)
	view.addressed(change.Settings)
	if all := view.faults(); all.faulty() {
		return s.render(w, r, http.StatusUnprocessableEntity, connectionPage(v.page, view))
	}
	if do == "take" { // only shows what was pasted
		return s.render(w, r, http.StatusOK, connectionPage(v.page, view))
	}
	if _, err := s.Operator.SetConnection(r.Context(), v.who, j.Slug, change); err != nil {
		if err := view.wrong(err); err != nil {
			return err
		}
		return s.render(w, r, http.StatusUnprocessableEntity, connectionPage(v.page, view))
	}
	if do == "consent" {
		return s.askConsent(w, r, v, j)
	}
	if do != "test" {
		return seeOther(w, r, view.Head.Href+"/connection?said=saved")
	}
	if view, _, err = s.connectionView(r, &v); err != nil { // as it is kept now
		return err
	}
	return s.test(w, r, v, view, j)
}

// test shows what the test of the connection finds, line by line. It is no page that can be loaded again without testing again.
func (s *Server) test(w http.ResponseWriter, r *http.Request, v visit, view connectionView, j provision.Job) error {
	view.Tested = true
	err := s.Operator.TestConnection(r.Context(), v.who, j.Slug, func(c connection.Check) {
		view.Checks = append(view.Checks, check{Name: words.Upper(c.Name), Detail: c.Detail, OK: c.OK, Took: words.Lasted(c.Took)})
	})
	if _, failed := errors.AsType[*operate.TestFailed](err); err != nil && !failed {
		return err
	}
	if err != nil {
		f := failureOf(lockstep.CodeOf(err), "")
		view.Failure = &f
		if len(view.Checks) == 0 {
			f.Detail = sentenceOf(err)
		}
	}
	return s.render(w, r, http.StatusOK, connectionPage(v.page, view))
}

// pasted takes apart what was pasted: an address into settings, the end of a sign-in into a token and its expiry.
func (v *connectionView) pasted(now time.Time) {
	if f := v.field("paste"); f != nil && f.Value != "" {
		settings, err := v.Kind.ParseAddress(f.Value)
		if err != nil {
			f.Error = sentenceOf(err)
		} else {
			for name, value := range settings {
				if to := v.field("set-" + name); to != nil {
					to.Value = value
				}
			}
			f.Value = ""
		}
	}
	f := v.field("redirect")
	if f == nil || f.Value == "" {
		return
	}
	token, ends, err := v.Kind.ParseToken(f.Value, now)
	f.Value = "" // it holds a secret, which no page shows again
	if err != nil {
		f.Error = sentenceOf(err)
		return
	}
	for i, one := range v.Kind.Secrets {
		if i == 0 {
			v.field("secret-" + one.Name).Value = token
		}
	}
	if to := v.field("set-token_expires"); to != nil && !ends.IsZero() {
		to.Value = ends.UTC().Format(time.DateOnly)
	}
}

// change is what the form would change.
func (v *connectionView) change(j provision.Job) operate.ConnectionChange {
	c := operate.ConnectionChange{Settings: map[string]string{}, Secrets: map[string]string{}}
	for _, one := range v.Kind.Settings {
		f := v.field("set-" + one.Name)
		value := f.Value
		if f.Kind == tickField {
			value = "false"
			if f.Value != "" {
				value = "true"
			}
		}
		if value != "" || j.Connection.Settings[one.Name] != "" {
			c.Settings[one.Name] = value
		}
	}
	for _, one := range v.Kind.Secrets {
		if value := v.field("secret-" + one.Name).Value; value != "" {
			c.Secrets[one.Name] = value
		}
	}
	return c
}

// secretsAgain is the code of a connection that is to lead elsewhere without its secrets being given again.
const secretsAgain lockstep.Code = "connection.secrets_again"

// wrong puts a refusal beside the fields.
func (v *connectionView) wrong(err error) error {
	var faulty *operate.Faulty
	if errors.As(err, &faulty) {
		for _, one := range faulty.Faults {
			if f := v.field("set-" + one.Field); f != nil {
				f.Error = one.Detail
			} else {
				v.Form.Wrong = append(v.Form.Wrong, one.Detail)
			}
		}
		return nil
	}
	if lockstep.CodeOf(err) == secretsAgain {
		for _, one := range v.Kind.Secrets {
			v.field("secret-" + one.Name).Error = "The connection would lead somewhere else: give this again, so that it goes only where you mean it to."
		}
		return nil
	}
	for _, name := range []string{"set-" + fieldOf(err), "secret-" + fieldOf(err)} {
		if f := v.field(name); f != nil {
			f.Error = sentenceOf(err)
			return nil
		}
	}
	return v.Form.wrong(err)
}

// tokenPage is where a token is got, as an address that a browser opens.
func (v *connectionView) tokenPage() string {
	if u, err := url.Parse(v.Kind.TokenPage); err != nil || u.Scheme != "https" {
		return ""
	}
	return v.Kind.TokenPage
}
