package sso_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/directory"
	"lockstep/sso"
)

const proxyHost = "https://wiki.example"

// proxyApp adds the application wiki, behind a proxy.
func (w *world) proxyApp() {
	w.Helper()
	c := sso.Client{
		Tenant: w.tenant, ID: "wiki", Name: "The Wiki", Kind: sso.KindProxy, Auth: sso.AuthNone,
		Proxy: &sso.ProxyApp{Hosts: []string{proxyHost, "https://docs.example"}, Headers: append(sso.ProxyHeaders(), sso.Mapping{Name: "X-Title", From: "title"})},
	}
	w.must(c.Check())
	_, err := w.db.SSO().PutClient(w.Context(), audit.Actor{}, "created", c)
	w.must(err)
}

// group adds a group with a member.
func (w *world) group(name string, member lockstep.UserID) {
	w.Helper()
	g := directory.Group{ID: lockstep.NewID[lockstep.GroupID]()}
	g.Attributes.Set("displayName", name)
	w.commit(directory.PutGroup{Group: g}, directory.AddMembers{Group: g.ID, Members: []directory.Member{{Group: g.ID, Kind: directory.UserKind, ID: string(member)}}})
}

// proxyBrowser is a browser in front of a proxy: the cookies of the application's host are its own, those of ours the browser's.
type proxyBrowser struct {
	*browser
	host    string
	cookies map[string]string
}

func (w *world) proxyBrowser() *proxyBrowser {
	return &proxyBrowser{w.browser(), proxyHost, map[string]string{}}
}

// ask is a request that the proxy sends about one of the browser's, or passes on. headers are name, value pairs.
func (p *proxyBrowser) ask(path string, headers ...string) page {
	p.Helper()
	r, err := http.NewRequestWithContext(p.Context(), http.MethodGet, p.issuer+"/proxy/wiki/"+path, nil)
	p.must(err)
	scheme, host, _ := strings.Cut(p.host, "://")
	r.Header = http.Header{"X-Forwarded-Proto": {scheme}, "X-Forwarded-Host": {host}, "X-Forwarded-Uri": {"/page?a=1&b=2"}, "X-Forwarded-Method": {"GET"}, "Accept": {"text/html"}}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header[headers[i]] = []string{headers[i+1]}
	}
	for name, value := range p.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	plain := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := plain.Do(r)
	p.must(err)
	defer answer.Body.Close()
	for _, c := range answer.Cookies() {
		if !c.Secure || !c.HttpOnly || c.Path != "/" || !strings.HasPrefix(c.Name, "__Host-") || c.Domain != "" {
			p.Errorf("cookie %v", c)
		}
		if p.cookies[c.Name] = c.Value; c.MaxAge < 0 {
			delete(p.cookies, c.Name)
		}
	}
	return page{answer, ""}
}

// enter signs in, and returns the address that it ends at.
func (p *proxyBrowser) enter() string {
	p.Helper()
	to := p.ask("forward").to()
	p.is("the start", to.Scheme+"://"+to.Host+to.Path, p.host+"/.lockstep/start")
	return p.back(p.begin("start?" + to.RawQuery))
}

// begin goes from the start to where the browser is sent in the end: the callback at the application's host.
func (p *proxyBrowser) begin(start string) *url.URL {
	p.Helper()
	begun := p.get(p.ask(start).Header.Get("Location"))
	if begun.to().Host == "idp.example" {
		begun = p.comeBack(begun)
	}
	return begun.to()
}

func (p *proxyBrowser) back(callback *url.URL) string {
	p.Helper()
	if !strings.HasPrefix(callback.String(), p.host+"/.lockstep/callback?") {
		p.Fatalf("sent to %s", callback)
	}
	return p.ask("callback?" + callback.RawQuery).Header.Get("Location")
}

// TestProxy: who opens a page behind a proxy signs in and comes back to that page; the application is told who they are, and of everything that
// it might be told, so that nothing which a browser sent is left. A leaver is out at the next request.
func TestProxy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.proxyApp()
	p := w.proxyBrowser()
	w.is("nobody", p.ask("auth").StatusCode, http.StatusUnauthorized)
	w.is("nobody, by a script", p.ask("forward", "Accept", "application/json").StatusCode, http.StatusUnauthorized)
	w.is("nobody, by a form", p.ask("forward", "X-Forwarded-Method", "POST").StatusCode, http.StatusUnauthorized)
	w.is("back at", p.enter(), proxyHost+"/page?a=1&b=2")
	w.group("Staff, admins", w.ada)
	w.group("Authors", w.ada)
	in := p.ask("auth")
	w.is("in", in.StatusCode, http.StatusOK)
	for name, want := range map[string]string{"Remote-User": "ada@acme.example", "Remote-Email": "ada@acme.example", "Remote-Name": "Ada Lovelace", "Remote-Groups": "Authors,Staff%2C admins", "X-Title": ""} {
		if got := in.Header[name]; len(got) != 1 || got[0] != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	other := w.proxyBrowser()
	other.enter()
	w.disable(w.ada)
	w.is("a leaver", p.ask("auth").StatusCode, http.StatusUnauthorized)
	w.is("a leaver elsewhere", other.ask("forward", "Accept", "*/*").StatusCode, http.StatusUnauthorized)
}

// TestProxyEnds: a session that ends here, a provider that is disabled, an application that is disabled, and a sign-out at the application each
// end what a browser has there.
func TestProxyEnds(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*world, *proxyBrowser){
		"signed out here": func(w *world, p *proxyBrowser) { p.post(w.issuer+"/logout", url.Values{"sure": {"yes"}}) },
		"provider disabled": func(w *world, _ *proxyBrowser) {
			w.setProvider("webex", func(p *sso.Provider) { p.State = sso.Disabled })
		},
		"provider forbidden": func(w *world, _ *proxyBrowser) {
			w.setClient("wiki", func(c *sso.Client) { c.Allowed = []sso.ProviderID{"x"} })
		},
		"application": func(w *world, _ *proxyBrowser) { w.setClient("wiki", func(c *sso.Client) { c.Disabled = true }) },
		"host taken away": func(w *world, _ *proxyBrowser) {
			w.setClient("wiki", func(c *sso.Client) { c.Proxy.Hosts = []string{"https://docs.example"} })
		},
		"twelve hours": func(w *world, _ *proxyBrowser) { w.later(12 * time.Hour) },
		"signed out there": func(w *world, p *proxyBrowser) {
			stolen := p.cookies
			p.cookies = map[string]string{}
			for name, value := range stolen {
				p.cookies[name] = value
			}
			w.is("where it leads", p.ask("logout").Header.Get("Location"), w.issuer+"/logout?client_id=wiki")
			p.cookies = stolen
		},
	} {
		w := newWorld(t)
		w.proxyApp()
		p := w.proxyBrowser()
		p.enter()
		if end(w, p); p.ask("auth").StatusCode == http.StatusOK {
			t.Errorf("%s, and still in", name)
		}
	}
}

// TestProxyHostile: what a browser or a stranger can send opens nothing, and leads nowhere else.
func TestProxyHostile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.proxyApp()
	p := w.proxyBrowser()
	p.enter()
	for name, headers := range map[string][]string{
		"a forged user":                    {"Remote-User", "root"},
		"in capitals":                      {"REMOTE-USER", "root"},
		"with an underscore":               {"Remote_User", "root"},
		"groups":                           {"remote-groups", "admins"},
		"a header of this application":     {"X_Title", "boss"},
		"empty":                            {"Remote-Email", ""},
		"another host":                     {"X-Forwarded-Host", "evil.example"},
		"a host that begins like it":       {"X-Forwarded-Host", "wiki.example.evil.example"},
		"a host with a port":               {"X-Forwarded-Host", "wiki.example:8443"},
		"no TLS":                           {"X-Forwarded-Proto", "http"},
		"two hosts":                        {"X-Forwarded-Host", "wiki.example, evil.example"},
		"user information before the host": {"X-Forwarded-Host", "wiki.example@evil.example"},
		"no host":                          {"X-Forwarded-Host", ""},
	} {
		for _, path := range []string{"auth", "forward"} {
			if got := p.ask(path, headers...); got.StatusCode != http.StatusForbidden || got.Header.Get("Remote-User") != "" || got.Header.Get("Location") != "" {
				t.Errorf("%s, %s: %d %v", name, path, got.StatusCode, got.Header)
			}
		}
	}
	w.is("and in all the while", p.ask("auth").StatusCode, http.StatusOK)
	elsewhere := *p
	elsewhere.host = "https://docs.example"
	w.is("the cookie at another host of the application", elsewhere.ask("auth").StatusCode, http.StatusUnauthorized)
	for _, c := range p.cookies { // nor is it a refresh token
		if got := w.token(refreshing(c)); got.Status == http.StatusOK {
			t.Error("the cookie is a refresh token")
		}
	}
}

// TestProxyRedirects: rd leads to a page of the application and nowhere else, whoever has written it.
func TestProxyRedirects(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.proxyApp()
	for rd, ok := range map[string]bool{
		"/": true, "/a?b=//c": true, "": true, proxyHost + "/x": true, "https://docs.example/y?z": true, "https://docs.example": true,
		"//evil.example": false, `/\evil.example`: false, `\\evil.example`: false, "https://evil.example/": false, "https://wiki.example.evil.example/": false,
		"https://wiki.example@evil.example/": false, "http://wiki.example/": false, "https://wiki.example:8443/": false, "javascript:alert(1)": false, "https:evil.example": false,
		"https:///evil.example": false, "/\tx": false, " /x": false, "https://wiki.example\t.evil.example/": false, "x": false, "HTTPS://wiki.example/": false, "https://wiki.example#@evil.example/": false,
	} {
		p := w.proxyBrowser()
		begun := p.ask("start?rd=" + url.QueryEscape(rd))
		if (begun.StatusCode == http.StatusSeeOther) != ok {
			t.Errorf("start with %q: %d", rd, begun.StatusCode)
		}
		direct := p.get(w.issuer + "/begin/wiki?" + url.Values{"host": {proxyHost}, "rd": {rd}, "challenge": {challengeOf(verifier)}}.Encode())
		if (direct.StatusCode == http.StatusSeeOther) != ok {
			t.Errorf("begin with %q: %d %s", rd, direct.StatusCode, direct.Header.Get("Location"))
		}
	}
	for rd, ok := range map[string]bool{"/a?x=1&y=%2F": true, "//evil.example": false, "/%2Fevil.example": true, `/\evil.example`: false, "/x&rd=//evil.example": true} { // as nginx sends it
		p := w.proxyBrowser()
		begun := p.ask("start?rd=" + rd)
		if (begun.StatusCode == http.StatusSeeOther) != ok || ok && begun.to().Query().Get("rd") != proxyHost+rd {
			t.Errorf("start with a bare %q: %d %s", rd, begun.StatusCode, begun.Header.Get("Location"))
		}
	}
	p := w.proxyBrowser()
	w.is("a host that is none of the application's", p.get(w.issuer+"/begin/wiki?"+url.Values{"host": {"https://evil.example"}, "rd": {"/"}, "challenge": {challengeOf(verifier)}}.Encode()).StatusCode, http.StatusForbidden)
	w.is("without a challenge", p.get(w.issuer+"/begin/wiki?"+url.Values{"host": {proxyHost}, "rd": {"/"}}.Encode()).StatusCode, http.StatusBadRequest)
}

// TestProxyCode: what the browser brings back works once, at the host that it was made for, in the browser that began.
func TestProxyCode(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.proxyApp()
	p := w.proxyBrowser()
	to := p.begin("start?rd=/x")
	victim := w.proxyBrowser()
	victim.ask("start?rd=/") // it has a cookie of its own
	if got := victim.ask("callback?" + to.RawQuery); got.StatusCode < 400 || len(victim.cookies) != 1 {
		t.Errorf("another browser was signed in: %d", got.StatusCode)
	}
	elsewhere := *p
	elsewhere.host = "https://docs.example"
	if got := elsewhere.ask("callback?" + to.RawQuery); got.StatusCode < 400 {
		t.Errorf("at another host: %d", got.StatusCode)
	}
	w.is("back at", p.back(to), proxyHost+"/x")
	w.is("loaded anew", p.back(to), proxyHost+"/x")
	copied := w.proxyBrowser()
	for name, value := range p.cookies {
		if strings.Contains(name, "begin") {
			copied.cookies[name] = value
		}
	}
	if got := copied.ask("callback?" + to.RawQuery); got.StatusCode < 400 {
		t.Errorf("the code worked twice: %d", got.StatusCode)
	}
	if got := w.token(redeeming(to.Query().Get("code"), "redirect_uri", proxyHost+"/.lockstep/callback")); got.Status == http.StatusOK {
		t.Error("another client redeems the code")
	}
}
