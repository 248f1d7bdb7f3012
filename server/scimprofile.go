package server

import (
	"bytes"
	"io"
	"net/http"
	"strings"

	"lockstep/directory"
	"lockstep/scim/conform"
	"lockstep/token"
)

// refuse refuses what the profile of a client forbids (interop, ipsie). It reads the body and puts it back: the surface has bounded it.
func (s *scimServer) refuse(r *http.Request, c *scimClient, schemas *directory.Schemas) error {
	if !c.token.Profile.Refuses() {
		return nil
	}
	path := strings.TrimPrefix(r.URL.Path, scimPrefix+r.PathValue("tenant")+"/v2")
	request := conform.Request{Method: r.Method, Path: path, Query: r.URL.RawQuery, Header: r.Header.Get}
	if r.Body != nil && (r.Method == http.MethodPost || r.Method == http.MethodPut || r.Method == http.MethodPatch) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return err
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		request.Body = body
	}
	if e := conform.Refuse(schemas.Types(), request, conform.Profile{Interop: true, Password: c.token.Profile == token.IPSIE}); e != nil {
		return e
	}
	return nil
}
