// Package page is the frame and the look of the pages of a Webex organisation that runs offline: sign-in, developer console,
// and whatever else people look at. It knows nothing of what stands on a page.
//
// Pages work without scripts; the one script copies texts. Colours are those of package web, light or dark as the browser
// prefers.
package page

import (
	"bytes"
	"embed"
	"html/template"
	"net/http"
	"strconv"

	"lockstep/web"
)

//go:embed static frame.html
var files embed.FS

// Prefix is where style, script and icon stand.
const Prefix = "/page/"

// Policy is the content security policy of pages. It says nothing of where forms lead: after a form of the sign-in pages the
// browser is sent on to an application, and browsers hold a form to such redirects too.
const Policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; base-uri 'none'; frame-ancestors 'none'"

// Link is an entry of the navigation.
type Link struct {
	Text, URL string
	Current   bool
}

// Frame is what stands around a page.
type Frame struct {
	Title string
	Place string // which of Webex's sites this page stands for, such as "Developer console"
	Nav   []Link
	Who   string // who is signed in; "" is nobody
	Leave string // the address that ends the session, asked with POST; "" offers none
}

// Mount serves style, script and icon.
func Mount(mux *http.ServeMux) {
	serve := func(name, kind string, text func() []byte) {
		mux.HandleFunc("GET "+Prefix+name, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			w.Header().Set("Cache-Control", "no-cache")
			_, _ = w.Write(text()) // the browser is gone: nobody to tell
		})
	}
	serve("style.css", "text/css; charset=utf-8", func() []byte { return append([]byte(web.Tokens()), read("static/page.css")...) })
	serve("copy.js", "text/javascript; charset=utf-8", func() []byte { return read("static/copy.js") })
	serve("icon.svg", "image/svg+xml", func() []byte { return read("static/icon.svg") })
}

func read(name string) []byte {
	text, err := files.ReadFile(name)
	if err != nil {
		panic(err) //nolint:forbidigo // the files are part of the program: they are there or it was not built
	}
	return text
}

// Book is a set of templates, each the content of a page.
type Book struct {
	frame, pages *template.Template
}

// NewBook returns a Book of templates whose texts a package embeds. A text that does not parse ends the program.
func NewBook(text string) Book {
	return Book{
		frame: template.Must(template.New("frame").Parse(string(read("frame.html")))),
		pages: template.Must(template.New("pages").Parse(text)),
	}
}

// Write answers with the page of the name.
func Write[T any](w http.ResponseWriter, status int, b Book, f Frame, name string, content T) error {
	var inner, whole bytes.Buffer
	if err := b.pages.ExecuteTemplate(&inner, name, content); err != nil {
		return err
	}
	err := b.frame.Execute(&whole, struct {
		Frame
		Content template.HTML
	}{f, template.HTML(inner.String())}) //nolint:gosec // written by html/template just now
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(whole.Len()))
	h.Set("Content-Security-Policy", Policy)
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, err = w.Write(whole.Bytes())
	return err
}
