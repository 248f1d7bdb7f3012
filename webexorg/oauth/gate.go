package oauth

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// Call is a request of a program to the broker, or of a browser that asks for authorisation, before it is answered.
type Call struct {
	Path   string // without the prefix of a region
	Page   bool   // a browser sees the answer
	Org    string // whose client or token it is; "" when nobody can tell
	Client string // client id
	Person string // whom the token acts for

	Answer http.HandlerFunc // answers it as the broker does
}

// callOf finds out whose request it is. The body can be read afterwards as if nobody had.
func (s *Server) callOf(r *http.Request) Call {
	_, bearer, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	if a, err := s.Check(strings.TrimSpace(bearer)); ok && err == nil {
		return Call{Org: a.Org, Client: a.Client, Person: a.Person}
	}
	id := r.URL.Query().Get("client_id")
	if user, _, basic := r.BasicAuth(); basic {
		id = unescape(user)
	}
	if id == "" {
		id = peek(r).Get("client_id")
	}
	if c, ok := s.Client(id); ok {
		return Call{Org: c.Org, Client: c.ID}
	}
	return Call{}
}

// peek reads a form and puts it back.
func peek(r *http.Request) url.Values {
	if r.Body == nil || r.Body == http.NoBody || !strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		return nil
	}
	text, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	rest := r.Body
	r.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(text), rest), rest}
	if err != nil {
		return nil // whoever reads on meets the error, too
	}
	form, _ := url.ParseQuery(string(text)) // what can be read of it
	return form
}

// Refuse answers a program with a status, in the broker's form.
func Refuse(w http.ResponseWriter, r *http.Request, status int, code, detail string) {
	WriteProblem(w, r, &refusal{status: status, code: code, detail: detail})
}

// EndRefresh ends the refresh token that the request shows, with all of its grant, as when its time had come.
func (s *Server) EndRefresh(r *http.Request) error {
	text := peek(r).Get("refresh_token")
	return s.change(func() ([]entry, error) {
		if t, g, _ := s.lookup(text); t != nil {
			return []entry{{Op: "end", ID: g.ID}}, nil
		}
		return nil, nil
	})
}
