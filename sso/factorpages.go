package sso

import (
	"net/http"
	"slices"
	"strings"

	"lockstep/directory"
)

// factorPage asks for a second factor.
func (v *visit) factorPage(here FactorSet) (answerer, error) {
	asked, err := v.askOne(here)
	if err != nil {
		return nil, err
	}
	return func() error {
		p := v.page(v.site, v.login.Locale, "factor")
		p.Client, p.Login, p.Action, p.Passkey = v.client.Name, v.login.ID, v.site.path+"/login", asked
		p.Tongues = v.tongues()
		p.App, p.Recovery, p.Back = here.TOTP != nil, here.Codes > 0, "back"
		if v.login.Reused != "" {
			p.Back = ""
		}
		if code := v.login.Notice; code != "" {
			p.Notice, _ = say(sayings, code, p.Lang)
		}
		return render(v.w, http.StatusOK, "factor", p)
	}, nil
}

// enrolPage shows how a second factor is set up: a passkey, an app, or either.
func (v *visit) enrolPage(u directory.User, have FactorSet) (answerer, error) {
	e := v.login.Enrol
	p := v.page(v.site, v.login.Locale, "enrol")
	p.Client, p.Login, p.Action, p.Back = v.client.Name, v.login.ID, v.site.path+"/login", "back"
	p.Tongues = v.tongues()
	if p.Must = v.client.ID != AccountClient; !p.Must {
		p.Back = "notNow"
	}
	if code := v.login.Notice; code != "" {
		p.Notice, _ = say(sayings, code, p.Lang)
	}
	var err error
	v.login.Ceremony = nil
	if e.Only != FactorTOTP {
		if p.Passkey, err = v.askNew(u, have); err != nil {
			return nil, err
		}
	}
	if e.Only != FactorPasskey {
		p.App = true
		issuer := v.site.tenant.Name
		if issuer == "" {
			issuer = v.site.tenant.Slug
		}
		p.Secret = spaced(secretText(e.Secret))
		if p.QR, err = picture(otpauth(issuer, u.Attributes.Text("userName"), e.Secret)); err != nil {
			return nil, err
		}
	}
	return func() error { return render(v.w, http.StatusOK, "enrol", p) }, nil
}

// spaced divides a text that is typed by hand.
func spaced(text string) string {
	var parts []string
	for part := range slices.Chunk([]byte(text), 4) {
		parts = append(parts, string(part))
	}
	return strings.Join(parts, " ")
}

// codesPage shows the recovery codes that were made with the first second factor.
func (v *visit) codesPage() answerer {
	codes := v.login.Codes
	return func() error {
		p := v.page(v.site, v.login.Locale, "codes")
		p.Client, p.Login, p.Action, p.Codes = v.client.Name, v.login.ID, v.site.path+"/login", codes
		p.Tongues = v.tongues()
		return render(v.w, http.StatusOK, "codes", p)
	}
}
