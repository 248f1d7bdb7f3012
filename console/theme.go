package console

import (
	"net/http"
	"net/url"
	"strings"
)

// theme is what a page looks like.
type theme string

const (
	system theme = "system" // as the browser says
	light  theme = "light"
	dark   theme = "dark"
)

// themeCookie keeps a preference, no secret: scripts do not need it, other sites may not read it.
const themeCookie = "lockstep-theme"

// themeOf is server-side so that a page has its colours from the first byte. What the browser prefers is known to its style
// sheets only; theme.js, which loads before anything is painted, asks for it.
func themeOf(r *http.Request) theme {
	if c, err := r.Cookie(themeCookie); err == nil && (c.Value == string(light) || c.Value == string(dark)) {
		return theme(c.Value)
	}
	return system
}

func (s *Server) setTheme(w http.ResponseWriter, r *http.Request) error {
	c := &http.Cookie{
		Name: themeCookie, Value: r.PostFormValue("theme"), Path: "/", MaxAge: 365 * 24 * 3600,
		HttpOnly: true, Secure: s.Operator.Sessions.Secure, SameSite: http.SameSiteLaxMode,
	}
	if c.Value != string(light) && c.Value != string(dark) {
		c.Value, c.MaxAge = "", -1
	}
	http.SetCookie(w, c)
	return seeOther(w, r, local(r.PostFormValue("back")))
}

// local returns the path of an address of this site, and "/" for any other.
func local(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(u.Path, "/") || strings.HasPrefix(u.Path, "//") || strings.Contains(u.Path, `\`) {
		return "/"
	}
	return u.RequestURI()
}
