package e2e

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"lockstep/e2e/parts"
)

// anyDomain lets cookies stand that name the very host as their domain, an address: browsers keep them, and Go's jar does not.
type anyDomain struct{ base http.RoundTripper }

func (a anyDomain) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := a.base.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	all := answer.Header["Set-Cookie"]
	for i, c := range all {
		all[i] = regexp.MustCompile(`(?i); *domain=[^;]*`).ReplaceAllString(c, "")
	}
	return answer, nil
}

// newSurfer is a browser of somebody who fills in what pages ask for, whosever they are.
func newSurfer(t *testing.T, issuer string) surfer {
	t.Helper()
	v := newVisitor(t, issuer, "", "")
	v.Transport = anyDomain{v.Transport}
	return surfer{v}
}

type surfer struct{ visitor }

// webPage is what a browser shows.
type webPage struct {
	at   *url.URL
	body string
}

func (p surfer) get(address string) webPage {
	p.t.Helper()
	at, body := p.read(p.Get(address))
	return webPage{at, body}
}

var (
	formOf   = regexp.MustCompile(`(?s)<form([^>]*)>(.*?)</form>`)
	inputOf  = regexp.MustCompile(`(?s)<(?:input|button)([^>]*)>`)
	aspectOf = regexp.MustCompile(`([a-zA-Z-]+)\s*=\s*"([^"]*)"`)
)

func aspects(tag string) map[string]string {
	all := map[string]string{}
	for _, m := range aspectOf.FindAllStringSubmatch(tag, -1) {
		all[strings.ToLower(m[1])] = html.UnescapeString(m[2])
	}
	return all
}

// fill fills in the form that has a field, and sends it; the other fields stay as they are.
func (p surfer) fill(page webPage, field string, values ...string) webPage {
	p.t.Helper()
	for _, form := range formOf.FindAllStringSubmatch(page.body, -1) {
		fields, there := url.Values{}, false
		for _, input := range inputOf.FindAllStringSubmatch(form[2], -1) {
			a := aspects(input[1])
			there = there || a["name"] == field
			if a["type"] == "hidden" {
				fields.Set(a["name"], a["value"])
			}
		}
		if !there {
			continue
		}
		for i := 0; i+1 < len(values); i += 2 {
			fields.Set(values[i], values[i+1])
		}
		of := aspects(form[1])
		to, err := page.at.Parse(strings.TrimSuffix(of["action"], "#"))
		if err != nil {
			p.t.Fatal(err)
		}
		if strings.EqualFold(of["method"], "get") {
			to.RawQuery = fields.Encode()
			return p.get(to.String())
		}
		at, body := p.read(p.PostForm(to.String(), fields))
		return webPage{at, body}
	}
	p.t.Fatalf("%s has no form with %s:\n%s", page.at, field, page.body)
	return page
}

// says fails unless the page is at the address and has the words.
func (p surfer) says(page webPage, at string, words ...string) webPage {
	p.t.Helper()
	for _, w := range append([]string{""}, words...) {
		if !strings.HasPrefix(page.at.String(), at) || !strings.Contains(page.body, w) {
			p.t.Fatalf("%s is not at %s, or does not say “%s”:\n%s", page.at, at, w, page.body)
		}
	}
	return page
}

// signOut presses the buttons of the account page.
func (p surfer) signOut() webPage {
	p.t.Helper()
	return p.fill(p.get(p.issuer+"/logout"), "sure", "sure", "yes")
}

// TestLemonldap: people sign in through LemonLDAP::NG, which is not ours: by its pages, with its question whether they want that, which they first answer with no; signed out here they
// are signed out there; and its next key is found by itself.
func TestLemonldap(t *testing.T) {
	t.Parallel()
	b := newBroker(t, "oidc")
	const secret = "a secret-with: odd+letters%"
	op := parts.NewLemonldap(t, "lockstep", secret, b.redirect)
	b.run("people", "add", "dwho@badwolf.org", "--given", "Doctor")
	b.run("idp", "set", "other", "--import", op.Issuer)
	b.enable(secret, "client_id=lockstep")
	p, account := newSurfer(t, b.issuer), b.issuer+"/account"
	page := p.fill(p.says(p.get(account), op.Issuer), "password", "user", "dwho", "password", "dwho")
	p.says(page, op.Issuer, "oidcConsent,Lockstep")
	_, key, _ := strings.Cut(page.body, `name="confirm" value="`)
	key, _, _ = strings.Cut(key, `"`)
	refused := p.fill(page, "confirm", "confirm", "-"+key)
	p.says(refused, b.issuer, "did not go through with it there", "This is for you to do", "Choose another way")
	_, back, _ := strings.Cut(refused.body, `<a class="button" href="`)
	back, _, _ = strings.Cut(back, `"`)
	page = p.fill(p.says(p.get(html.UnescapeString(back)), b.issuer, "did not go through with it there"), "provider", "provider", "other")
	p.says(page, op.Issuer, "oidcConsent,Lockstep")                                               // there they are signed in already
	refused = p.says(p.fill(page, "confirm"), b.issuer, "An administrator has to set this right") // it does not decode the secret that HTTP Basic has encoded
	_, reference, _ := strings.Cut(refused.body, "<code>")
	reference, _, _ = strings.Cut(reference, "</code>")
	if said := strings.Join(strings.Fields(b.run("idp", "attempt", reference)), " "); !strings.Contains(said, "Choose “Secret, in the body”") {
		t.Errorf("the attempt says\n%s", said)
	}
	b.run("idp", "set", "other", "--set", "client_auth=client_secret_post")
	b.run("idp", "enable", "other", "--untested")
	page = p.says(p.get(account), account)
	p.says(page, account, "<bdi>dwho</bdi>")
	p = newSurfer(t, b.issuer) // in a browser in which somebody has said no it keeps the request that was refused, and goes on with it after a sign-out
	page = p.says(p.get(account), op.Issuer, `name="password"`)
	p.says(p.fill(page, "password", "user", "dwho", "password", "dwho"), account, "<bdi>dwho</bdi>")
	p.says(p.signOut(), b.issuer, "You are signed out")
	page = p.says(p.get(account), op.Issuer, `name="password"`)
	op.Rotate()
	page = p.says(p.get(account), op.Issuer, `name="password"`)
	p.says(p.fill(page, "password", "user", "dwho", "password", "dwho"), account, "<bdi>dwho</bdi>")
	other := newSurfer(t, b.issuer)
	page = other.fill(other.says(other.get(account), op.Issuer), "password", "user", "rtyler", "password", "rtyler")
	other.says(other.fill(page, "confirm"), b.issuer, "You are known to the identity provider, but not here")
}
