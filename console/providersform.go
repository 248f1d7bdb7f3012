package console

import (
	"cmp"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"

	"lockstep/operate"
	"lockstep/sso"
	"lockstep/words"
)

// mainFields are settings that everybody has to look at, beside those that are needed and have no default.
var mainFields = []string{"client_id", "client_secret", "region", "discovery_url", "metadata_url", "tenant", "bind_dn", "bind_password", "start_tls"}

// groupTitles are the sections of a form that are folded up, in their order.
var groupTitles = []struct{ section, title string }{
	{"addresses", "Addresses"}, {"who", "Who may sign in, and as whom"}, {"login", "On the login page"}, {"trust", "Trusted certificates"},
	{"request", "What is asked for"}, {"claims", "Which claim is which"}, {"checks", "Checks of the answer"}, {"sign-out", "Signing out"}, {"registration", "More of the registration"},
}

// policies are whom somebody may become who is not linked yet.
var policies = []choice{
	{string(sso.PolicyImported), "Exactly one person of the directory", "Who has the same e-mail address or user name. Import people first; nobody is added."},
	{string(sso.PolicyCreate), "The same, or a new person", "Where nobody matches, one is added."},
	{string(sso.PolicyConfirm), "The same, once they have proved it", "Who matches signs in as before, once; where nobody matches, one is added."},
	{string(sso.PolicyVerified), "Only by an e-mail address that both sides have verified", ""},
	{string(sso.PolicyLinked), "Nobody: only who is linked already", ""},
}

// fill makes the fields with the values that are kept.
func (v *providerView) fill() {
	p, k := v.Head.Provider, v.Head.Kind
	groups := map[string][]field{}
	v.Main = form{Fields: []field{{Name: "name", Label: "Display name", Value: p.Name, Hint: k.Name, Help: "What its button on the login page says. Empty: " + k.Name + "."}}}
	preset := presetOf(p.IdentityProvider, k)
	for _, f := range k.Fields {
		to := providerField(f, p, preset)
		if slices.Contains(mainFields, f.Name) || to.Required {
			v.Main.Fields = append(v.Main.Fields, to)
		} else {
			groups[f.Section] = append(groups[f.Section], to)
		}
		if f.Secret && !f.Required && to.Set && f.Name != "client_secret" {
			groups[f.Section] = append(groups[f.Section], field{Name: "clear-" + f.Name, Label: "Take away the kept " + strings.ToLower(f.Title[:1]) + f.Title[1:], Kind: tickField})
		}
	}
	groups["who"] = whoFields(p, k)
	groups["login"] = []field{
		{Name: "hidden", Label: "No button", Kind: tickField, Value: tickOf(p.Hidden), Help: "People reach it by their e-mail domain, or by an application that is bound to it."},
		{Name: "order", Label: "Place", Kind: numberField, Short: true, Value: strconv.Itoa(p.Order), Help: "Smaller numbers come first."},
	}
	if !k.ByPassword() || k.Kind == sso.KindLDAP {
		groups["trust"] = []field{{
			Name: "certificates", Label: "Certificates (PEM)", Kind: textField, Code: true, Value: pemOf(p.Roots), Hint: "-----BEGIN CERTIFICATE-----",
			Help: "Of authorities that the provider's servers are certified by and that this machine does not trust, such as your company's own.",
		}}
	}
	for _, g := range groupTitles {
		if fields := groups[g.section]; len(fields) > 0 {
			v.Groups = append(v.Groups, fieldGroup{Title: g.title, Form: form{Fields: fields}, Open: g.section == "addresses" && len(k.Presets) > 0 || g.section == "trust" && len(p.Roots) > 0})
		}
	}
	if len(k.Presets) > 0 {
		all := map[string]map[string]string{}
		for _, one := range k.Presets {
			all[one.Name] = one.Settings
		}
		text, err := json.Marshal(all)
		if err == nil {
			v.Presets = string(text)
		}
	}
}

func whoFields(p provider, k operate.KindOfProvider) []field {
	policy := p.Policy
	if policy == "" {
		policy = sso.PolicyImported
	}
	all := []field{
		{Name: "policy", Label: "Whoever is not linked yet becomes", Kind: choiceField, Value: string(policy), Choices: policies},
		{Name: "trust_email", Label: "Trust its user names and e-mail addresses", Kind: tickField, Value: tickOf(p.TrustEmail), Help: "Needed to find people by them when the provider does not say that it has verified the address."},
		{Name: "link_only", Label: "Only people who are linked already", Kind: tickField, Value: tickOf(p.LinkOnly)},
	}
	all = append(all, field{Name: "second_factor", Label: "Second factor", Kind: selectField, Value: string(p.Demands()), Choices: demandsOf(k.Kind), Help: "A passkey, an authenticator app or a recovery code, asked for here after people have signed in there."})
	if k.Kind != sso.KindLocal {
		all = append(all, field{Name: "domains", Label: "E-mail domains", Kind: textField, Value: strings.Join(p.Domains, "\n"), Hint: "example.com", Help: "One a line. People with such an address are sent here at once."})
	}
	return all
}

// demandsOf are whom a second factor can be asked of, after a provider.
func demandsOf(k sso.ProviderKind) []choice {
	all := []choice{{string(sso.DemandNone), "Asked of nobody", ""}, {string(sso.DemandEnrolled), "Asked of who has one", ""}, {string(sso.DemandRequired), "Asked of everybody; who has none sets one up", ""}}
	if k != sso.KindLocal && k != sso.KindLDAP {
		all = append(all, choice{string(sso.DemandOwn), "The provider asks itself, and says so (amr: mfa)", ""})
	}
	return all
}

// presetOf is the preset of the region that a provider has.
func presetOf(p operate.IdentityProvider, k operate.KindOfProvider) map[string]string {
	for _, one := range k.Presets {
		if one.Name == p.Settings["region"] {
			return one.Settings
		}
	}
	if len(k.Presets) > 0 {
		return k.Presets[0].Settings
	}
	return nil
}

// providerField is a setting or a secret of a provider as a field.
func providerField(f operate.ProviderField, p provider, preset map[string]string) field {
	to := field{Name: "set-" + f.Name, Label: f.Title, Help: f.Help, Value: p.Settings[f.Name], Hint: f.Default, Code: true}
	if text := preset[f.Name]; text != "" {
		to.Hint = text
	}
	to.Required = f.Required && to.Hint == ""
	if to.Hint == "" {
		to.Hint = f.Example
	}
	switch f.Type {
	case operate.FieldChoice:
		to.Kind, to.Code, to.Hint = selectField, false, ""
		for _, o := range f.Options {
			to.Choices = append(to.Choices, choice{Value: o.Value, Word: o.Title})
		}
		if f.Name == "region" {
			to.Kind = choiceField
		}
		if to.Value == "" {
			to.Value = f.Default
			if text := preset[f.Name]; text != "" {
				to.Value = text
			}
		}
	case operate.FieldSwitch:
		to.Kind, to.Value = tickField, tickOf(cmp.Or(p.Settings[f.Name], f.Default) == "true")
	case operate.FieldNumber:
		to.Kind, to.Short = numberField, true
	case operate.FieldLines, operate.FieldPEM, operate.FieldJSON:
		to.Kind = textField
	case operate.FieldText, operate.FieldAddress:
	}
	if f.Secret {
		to.Name, to.Kind, to.Value, to.Hint, to.Set = "secret-"+f.Name, secretField, "", "", slices.Contains(p.Given, f.Name)
		to.Help += " "
		to.Required = f.Required || f.Name == "client_secret" && !to.Set
	}
	return to
}

// forms are all fields of the page, by group.
func (v *providerView) forms() []*form {
	all := []*form{&v.Main}
	for i := range v.Groups {
		all = append(all, &v.Groups[i].Form)
	}
	return all
}

// field is the field of a name, nil when there is none.
func (v *providerView) field(name string) *field {
	for _, f := range v.forms() {
		for i := range f.Fields {
			if f.Fields[i].Name == name {
				return &f.Fields[i]
			}
		}
	}
	return nil
}

// value is what the field of a name holds.
func (v *providerView) value(name string) string {
	if f := v.field(name); f != nil {
		return f.Value
	}
	return ""
}

// faults are everything that is wrong, for the head of the form.
func (v *providerView) faults() form {
	all := form{Wrong: v.Main.Wrong}
	for _, f := range v.forms() {
		all.Fields = append(all.Fields, f.Fields...)
	}
	return all
}

// unfold opens the groups with which something is wrong, and those that hold what was just filled in.
func (v *providerView) unfold() {
	for i := range v.Groups {
		g := &v.Groups[i]
		g.Open = g.Open || len(g.Form.faults()) > 0 || len(v.Notes) > 0 && g.Title == groupTitles[0].title
	}
}

// wrong puts a refusal beside the fields. It returns the error when it is none that somebody who fills in a form can mend.
func (v *providerView) wrong(err error) error {
	var faulty *operate.Faulty
	if !errors.As(err, &faulty) {
		return v.Main.wrong(err)
	}
	for _, one := range faulty.Faults {
		var to *field
		for _, name := range []string{"set-" + one.Field, "secret-" + one.Field, one.Field} {
			if to == nil {
				to = v.field(name)
			}
		}
		if to == nil {
			v.Main.Wrong = append(v.Main.Wrong, words.Sentence(one.Detail))
		} else {
			to.Error = words.Sentence(one.Detail)
		}
	}
	return nil
}

// change is what the form would change.
func (v *providerView) change() operate.ProviderChange {
	p, k := v.Head.Provider, v.Head.Kind
	c := operate.ProviderChange{Settings: map[string]string{}, Secrets: map[string]string{}}
	for _, f := range k.Fields {
		if f.Secret {
			if value := v.value("secret-" + f.Name); value != "" {
				c.Secrets[f.Name] = value
			} else if v.value("clear-"+f.Name) != "" {
				c.Secrets[f.Name] = ""
			}
			continue
		}
		value := strings.TrimSpace(v.value("set-" + f.Name))
		if f.Type == operate.FieldSwitch {
			value = strconv.FormatBool(value != "")
		}
		if kept := p.Settings[f.Name]; value != kept && (kept != "" || value != f.Default || f.Type != operate.FieldChoice && f.Type != operate.FieldSwitch) {
			c.Settings[f.Name] = value
		}
	}
	name, policy := v.value("name"), sso.LinkPolicy(v.value("policy"))
	if name == "" {
		name = k.Name
	}
	if f := v.field("second_factor"); f != nil && f.Value != "" {
		demand := sso.Demand(f.Value)
		c.Second = &demand
	}
	hidden, trust, linked := v.value("hidden") != "", v.value("trust_email") != "", v.value("link_only") != ""
	domains := strings.Fields(v.value("domains"))
	c.Name, c.Policy, c.Hidden, c.TrustEmail, c.LinkOnly, c.Domains = &name, &policy, &hidden, &trust, &linked, &domains
	if f := v.field("order"); f != nil {
		order, err := strconv.Atoi(f.Value)
		if err != nil || order < -1000 || order > 1000 {
			f.Error = "This is a whole number from −1000 to 1000."
		}
		c.Order = &order
	}
	if f := v.field("certificates"); f != nil {
		text := strings.TrimSpace(f.Value)
		c.Certificates = &text
	}
	return c
}
