package sso

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"lockstep"
	"lockstep/web"
)

//go:embed pages.html
var pagesText string

//go:embed account.html
var accountText string

//go:embed style.css
var styleText string

// pageSet are the templates. They escape whatever comes from outside.
var pageSet = template.Must(template.Must(template.New("pages").Parse(pagesText)).Parse(accountText))

// submitScript sends a form at once. It is the only script that stands in a page, named in the policy by its hash; without it there is a button.
const submitScript = "document.forms[0].submit()"

// submitHash is the CSP source of submitScript, written out because it is part of a constant. TestSubmitHash compares.
const submitHash = "'sha256-ePniVEkSivX/c7XWBGafqh8tSpiRrKiqYeqbG7N1TOE='"

// page is what every page has.
type page struct {
	Lang  string
	T     map[string]string // texts
	Title string
	Style string // address of the style sheet

	Tongues []tongue // languages to choose from; none where the page cannot be asked for again

	Client  string
	Login   LoginID
	Action  string
	Notice  string
	Buttons []button
	Form    bool // name and password
	Homes   bool // an e-mail address is asked for, to find the provider
	Hint    string

	Whose     fault
	Retry     string
	Reference LoginID

	Fields url.Values
	Script template.JS
	Detail string
	Claims [][2]string
	Stages []Stage

	Scripts  string // address of the script that asks for passkeys
	Passkey  string // what it asks for, as JSON
	Offer    bool   // the browser may offer passkeys in the field of the user name
	App      bool   // a code of an authenticator app
	Recovery bool
	Back     string // what the button that leads back says; "" is none
	Must     bool   // it has to be set up
	Secret   string
	QR       template.HTML
	Codes    []string
	Account  *accountView
}

type button struct {
	Alias, Name string
	Last        bool
}

func (s *Server) page(x site, lang, title string) page {
	if texts[lang] == nil {
		lang = "en"
	}
	return page{Lang: lang, T: texts[lang], Title: texts[lang][title], Style: x.style, Scripts: x.path + "/passkey.js"}
}

func render(w http.ResponseWriter, status int, name string, p page) error {
	var b bytes.Buffer
	if err := pageSet.ExecuteTemplate(&b, name, p); err != nil {
		return fmt.Errorf("draw page %s: %w", name, err)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // the peer may be gone
	return nil
}

// style answers with the colours that all pages share, and what the sign-in pages add.
func (s *Server) style(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	w.Header().Set("Cache-Control", "max-age=3600")
	_, _ = w.Write([]byte(web.Tokens() + styleText))
	return nil
}

// choicePage is the login page: the provider that was used last comes first.
func (v *visit) choicePage(shown []Provider, notice lockstep.Code) error {
	p := v.page(v.site, v.login.Locale, "signIn")
	p.Client, p.Login, p.Action, p.Hint = v.client.Name, v.login.ID, v.site.path+"/login", v.login.Request.LoginHint
	p.Tongues = v.tongues()
	if notice != "" {
		p.Notice, _ = say(sayings, notice, p.Lang)
	}
	p.Passkey, p.Offer = v.passkey, true
	last := v.site.cookieValue(v.r, cookieLast)
	for _, one := range shown {
		if byPassword(one.Kind) {
			p.Form = true
			continue
		}
		b := button{Alias: one.Alias, Name: one.Name, Last: one.Alias == last && len(shown) > 1}
		if b.Last {
			p.Buttons = slices.Insert(p.Buttons, 0, b)
		} else {
			p.Buttons = append(p.Buttons, b)
		}
		p.Homes = p.Homes || len(one.Domains) > 0
	}
	p.Homes = p.Homes && !p.Form && len(p.Buttons) > 1
	return render(v.w, http.StatusOK, "choice", p)
}

// failed is the head of a page that tells of a failure: of a sign-in, or of a sign-out.
func (s *Server) failed(r *http.Request, x site, lang string, err error) page {
	title, words, code := "failed", sayings, lockstep.CodeOf(err)
	switch {
	case code == lockstep.CodeSSOLeft:
		title, words = "out", outSayings
	case strings.HasSuffix(r.URL.Path, "/logout") || strings.HasSuffix(r.URL.Path, "/saml/slo") || code == lockstep.CodeSSOOver:
		title, words = "notOut", outSayings
	}
	p := s.page(x, lang, title)
	p.Notice, p.Whose = say(words, code, p.Lang)
	return p
}

// errorPage says that nobody was signed in, whose turn it is, and the reference.
func (v *visit) errorPage(err error, retry string) error {
	p := v.failed(v.r, v.site, v.login.Locale, err)
	p.Retry, p.Reference, p.Client = retry, v.login.ID, v.client.Name
	if code := lockstep.CodeOf(err); code == lockstep.CodeSSOMessage || code == lockstep.CodeSSORedirect || code == lockstep.CodeSSOProxyHost {
		p.Detail = public(err) // it is of the application's own request
	}
	return render(v.w, statusOf(err), "error", p)
}

// writePage is the error writer of the pages, for what has no login.
func (s *Server) writePage(w http.ResponseWriter, r *http.Request, err error) {
	x, _ := s.site(r) // the page then has no style
	if e, ok := errors.AsType[oauthError](err); ok {
		err = &lockstep.Error{Code: lockstep.CodeSSORequest, Err: e}
		if e.Allow != "" {
			w.Header().Set("Allow", e.Allow)
		}
	}
	code := lockstep.CodeOf(err)
	p := s.failed(r, x, x.locale(nil, r), err)
	if e, ok := errors.AsType[*lockstep.Error](err); ok && (code == lockstep.CodeSSORedirect || code == lockstep.CodeSSOClient || code == lockstep.CodeSSORequest || code == lockstep.CodeSSOProxyHost) {
		p.Detail = e.Detail
	}
	p.Reference = LoginID(web.RequestID(r.Context()))
	if code == lockstep.CodeInternal {
		s.log().ErrorContext(r.Context(), "a sign-in page failed", "error", err, "request", p.Reference)
	}
	_ = render(w, statusOf(err), "error", p)
}

func statusOf(err error) int {
	if e, ok := errors.AsType[oauthError](err); ok {
		return e.Status
	}
	switch code := lockstep.CodeOf(err); code {
	case lockstep.CodeSSOTooMany:
		return http.StatusTooManyRequests
	case lockstep.CodeSSOLastFactor, lockstep.CodeSSOLastWay, lockstep.CodeSSOLinked:
		return http.StatusConflict
	case lockstep.CodeSSOPasswordOver, lockstep.CodeSSOUnknown, lockstep.CodeSSOAmbiguous, lockstep.CodeSSODisabled, lockstep.CodeSSORefused, lockstep.CodeSSOConsent, lockstep.CodeCrossSite, lockstep.CodeSSOProxyHost, lockstep.CodeSSOProxyHeader,
		lockstep.CodeIdPDenied:
		return http.StatusForbidden
	case lockstep.CodeSSOExpired, lockstep.CodeSSOOver, lockstep.CodeSSOLeft, lockstep.CodeSSOBrowser, lockstep.CodeSSOClient, lockstep.CodeSSORedirect, lockstep.CodeSSORequest, lockstep.CodeSSOProvider,
		lockstep.CodeSSOMessage, lockstep.CodeSSOReplayed:
		return http.StatusBadRequest
	default:
		if len(code) > 4 && code[:4] == "idp." {
			return http.StatusBadGateway
		}
		return web.StatusOf(err)
	}
}

// post sends the browser on with a form, which a script sends off at once, or the person does.
func (s *Server) post(w http.ResponseWriter, r *http.Request, lang, to string, fields url.Values) error {
	x, err := s.site(r)
	if err != nil {
		return err
	}
	p := s.page(x, lang, "goOn")
	p.Action, p.Fields, p.Script = to, fields, submitScript
	return render(w, http.StatusOK, "post", p)
}

// askPage asks whether to sign out. The form repeats what was asked for.
func (v *visit) askPage(values url.Values) error {
	p := v.page(v.site, v.login.Locale, "askOut")
	p.Action, p.Fields = v.site.path+"/logout", url.Values{"sure": {"yes"}}
	for _, name := range []string{"client_id", "post_logout_redirect_uri", "state", "id_token_hint", "ui_locales"} {
		if values.Has(name) {
			p.Fields.Set(name, values.Get(name))
		}
	}
	return render(v.w, http.StatusOK, "ask", p)
}

func (v *visit) gonePage() error {
	return render(v.w, http.StatusOK, "gone", v.page(v.site, v.login.Locale, "out"))
}

// testPage shows an administrator how a test sign-in went.
func (v *visit) testPage(id *Identity, failed error, detail ...string) error {
	p := v.page(v.site, v.login.Locale, "tested")
	p.Reference, p.Stages = v.login.ID, v.login.Stages
	if failed != nil {
		p.Notice = public(failed)
	}
	if len(detail) > 0 {
		p.Detail = detail[0]
	}
	if id != nil {
		for _, c := range [][2]string{
			{"iss", id.Issuer}, {"sub", id.Subject}, {"user name", id.UserName}, {"email", id.Email}, {"email_verified", fmt.Sprint(id.EmailVerified)}, {"name", id.Name},
		} {
			p.Claims = append(p.Claims, c)
		}
		for _, name := range slices.Sorted(maps.Keys(id.Claims)) {
			p.Claims = append(p.Claims, [2]string{"· " + name, clip(fmt.Sprint(id.Claims[name]))})
		}
	}
	return render(v.w, http.StatusOK, "test", p)
}
