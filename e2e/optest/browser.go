package optest

import (
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// browser is a browser of somebody: it keeps cookies, follows redirects, and fills in the forms that it meets, until it is sent to an application
// or stands before a page that asks nothing more.
type browser struct {
	*check
	http  *http.Client
	asked int // how often a password was asked for
}

func (c *check) browser() *browser {
	jar, err := cookiejar.New(nil)
	c.must(err)
	return &browser{check: c, http: &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// landed is where a browser came to: an address of an application, or a page of the provider.
type landed struct {
	at     string // "" is a page of the provider
	query  url.Values
	status int
	body   string
}

// elsewhere reports whether an address is not the provider's.
func (b *browser) elsewhere(address string) bool {
	at, err := url.Parse(address)
	own, err2 := url.Parse(b.Issuer)
	return err != nil || err2 != nil || at.Host != own.Host
}

// open goes to an address, and on from there.
func (b *browser) open(address string) landed {
	r, err := http.NewRequestWithContext(b.ctx, http.MethodGet, address, nil)
	b.must(err)
	return b.goOn(r)
}

// submit sends a form to an address, and goes on from there.
func (b *browser) submit(address string, values url.Values) landed {
	return b.goOn(b.form(address, values))
}

func (c *check) form(address string, values url.Values) *http.Request {
	r, err := http.NewRequestWithContext(c.ctx, http.MethodPost, address, strings.NewReader(values.Encode()))
	c.must(err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

func (b *browser) goOn(r *http.Request) landed {
	refused := 0
	for range 20 {
		answer, err := b.http.Do(r)
		b.must(err)
		body, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
		_ = answer.Body.Close() // it was read
		b.must(err)
		if to := answer.Header.Get("Location"); answer.StatusCode >= 300 && answer.StatusCode < 400 && to != "" {
			next, err := r.URL.Parse(to)
			b.must(err)
			if b.elsewhere(next.String()) {
				bare := *next
				bare.RawQuery = ""
				return landed{at: bare.String(), query: next.Query(), status: answer.StatusCode}
			}
			r, err = http.NewRequestWithContext(b.ctx, http.MethodGet, next.String(), nil)
			b.must(err)
			continue
		}
		f, there := formOf(string(body))
		if !there || answer.StatusCode >= 400 {
			return landed{status: answer.StatusCode, body: string(body)}
		}
		if f.password != "" {
			b.asked++
			refused++
			b.want(refused < 3, "the person is asked for their password again and again")
			f.values.Set(f.name, b.Login)
			f.values.Set(f.password, b.Password)
		}
		to, err := r.URL.Parse(f.action)
		b.must(err)
		if b.elsewhere(to.String()) { // an answer by form_post
			return landed{at: to.String(), query: f.values, status: answer.StatusCode}
		}
		r = b.form(to.String(), f.values)
	}
	b.failf("the browser is sent around in circles")
	return landed{}
}

// aForm is a form that was found on a page.
type aForm struct {
	id, action     string
	values         url.Values
	name, password string // inputs that a person fills in
	hidden, button bool
}

var (
	tags       = regexp.MustCompile(`(?is)<(/?form|input|button)\b([^>]*)>`)
	attributes = regexp.MustCompile(`(?s)([a-zA-Z][a-zA-Z0-9-]*)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+)))?`)
)

// formOf finds the form that somebody fills in: the first with a password, or else the first that is posted.
func formOf(page string) (aForm, bool) {
	var all []*aForm
	var open *aForm
	for _, tag := range tags.FindAllStringSubmatch(page, -1) {
		have := map[string]string{}
		for _, a := range attributes.FindAllStringSubmatch(tag[2], -1) {
			have[strings.ToLower(a[1])] = html.UnescapeString(a[2] + a[3] + a[4])
		}
		_, hidden := have["hidden"]
		switch strings.ToLower(tag[1]) {
		case "form":
			if strings.EqualFold(have["method"], "post") {
				open = &aForm{id: have["id"], action: have["action"], values: url.Values{}, hidden: hidden}
				all = append(all, open)
			}
		case "/form":
			open = nil
		case "input", "button":
			f := open
			if id := have["form"]; id != "" {
				if at := slices.IndexFunc(all, func(f *aForm) bool { return f.id == id }); at >= 0 {
					f = all[at]
				}
			}
			if f != nil {
				f.input(strings.EqualFold(tag[1], "button"), have)
			}
		}
	}
	all = slices.DeleteFunc(all, func(f *aForm) bool { return f.hidden })
	at := slices.IndexFunc(all, func(f *aForm) bool { return f.password != "" })
	if at < 0 && len(all) == 0 {
		return aForm{}, false
	}
	return *all[max(at, 0)], true
}

// input adds an input or a button. Of the buttons the first one counts.
func (f *aForm) input(button bool, have map[string]string) {
	name, kind := have["name"], strings.ToLower(have["type"])
	if button || kind == "submit" {
		if !f.button && name != "" && kind != "button" {
			f.values.Set(name, have["value"])
		}
		f.button = true
		return
	}
	switch kind {
	case "password":
		f.password = name
	case "hidden":
		f.values.Add(name, have["value"])
	case "", "text", "email":
		if f.name == "" {
			f.name = name
		}
	}
}
