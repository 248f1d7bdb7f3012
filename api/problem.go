package api

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"lockstep"
	"lockstep/operate"
	"lockstep/web"
)

// Problem is the body of every answer that is not a success (RFC 9457). It implements error, and errors.Is compares its code.
type Problem struct { //nolint:errname // RFC 9457 calls it so
	Type   string        `json:"type" doc:"Reference to the documentation of the code."`
	Title  string        `json:"title" doc:"What happened, one sentence; the same for every problem of the code."`
	Status int           `json:"status" doc:"The HTTP status."`
	Detail string        `json:"detail,omitempty" doc:"What happened here, one sentence."`
	Code   lockstep.Code `json:"code" doc:"Stable code of the error."`
	Class  string        `json:"class" doc:"Who can end it: heals itself, needs you, bug."`
	Hint   string        `json:"hint,omitempty" doc:"What to do about it."`
	Field  string        `json:"field,omitempty" doc:"What was given that it is about, by its name in the request: redirect_uris, oauth.scope. Of rules the part and whose it is: target userName, filter 2 clause 1. Absent when it is about nothing in particular, or about several fields: see errors."`
	Errors []FieldError  `json:"errors,omitempty" doc:"What is wrong with which part of the request."`
}

// FieldError is one thing that is wrong with a request.
type FieldError struct {
	Location string `json:"location,omitempty" doc:"Where: a path such as body.slug or query.limit; of rules the object mapping."`
	Field    string `json:"field,omitempty" doc:"As field of the problem."`
	Message  string `json:"message" doc:"What is wrong there, one sentence."`
}

// Error returns the detail with the code.
func (p *Problem) Error() string {
	text := p.Detail
	if text == "" {
		text = p.Title
	}
	if len(p.Errors) > 0 && text == p.Errors[0].Message {
		text = "" // it is said with the others
	}
	for _, e := range p.Errors {
		if where := cmp.Or(e.Location, e.Field); where != "" {
			text += " " + where + ":"
		}
		text += " " + strings.TrimSuffix(e.Message, ".") + "."
	}
	return strings.TrimPrefix(text, " ") + " [" + string(p.Code) + "]"
}

// Unwrap makes lockstep.CodeOf, lockstep.FieldOf and errors.Is see what they look for.
func (p *Problem) Unwrap() error {
	return &lockstep.Error{Code: p.Code, Field: p.Field, Detail: p.Detail}
}

// GetStatus implements huma.StatusError.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType implements huma.ContentTypeFilter.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// problemOf makes a problem of any error. Nothing of an error without a code is shown: it may name what the caller must not
// know. It goes to the log, by the request's ID.
func problemOf(err error) *Problem {
	if p, ok := errors.AsType[*Problem](err); ok {
		return p
	}
	if errors.Is(err, context.DeadlineExceeded) && lockstep.CodeOf(err) == lockstep.CodeInternal {
		err = &lockstep.Error{Code: lockstep.CodeTimeout}
	}
	code := lockstep.CodeOf(err)
	p := describe(code, statusOf(code, err))
	p.Field = lockstep.FieldOf(err)
	p.Errors = faultsOf(err)
	if len(p.Errors) > 0 {
		p.Field = ""
	}
	if e, ok := errors.AsType[*lockstep.Error](err); ok && e.Detail != "" {
		p.Detail = e.Detail
	}
	return p
}

// faultsOf is what is wrong with which part of what was given, when that is more than one thing.
func faultsOf(err error) []FieldError {
	var all []FieldError
	if rules, ok := errors.AsType[*operate.RulesFaulty](err); ok && len(rules.Faults) > 1 {
		for _, f := range rules.Faults {
			one := problemOf(f.Err)
			all = append(all, FieldError{Location: f.Mapping, Field: one.Field, Message: one.Detail})
		}
	}
	if given, ok := errors.AsType[*operate.Faulty](err); ok && len(given.Faults) > 1 {
		for _, f := range given.Faults {
			all = append(all, FieldError{Field: f.Field, Message: f.Detail})
		}
	}
	return all
}

func describe(code lockstep.Code, status int) *Problem {
	entry := lockstep.Describe(code)
	return &Problem{
		Type: "/docs/errors#" + string(code), Title: entry.Title, Status: status,
		Code: code, Class: string(entry.Class), Hint: entry.Help,
	}
}

// statusOf adds to web.StatusOf what an outside system answered and what rules lack.
func statusOf(code lockstep.Code, err error) int {
	place, _, _ := strings.Cut(string(code), ".")
	switch {
	case code == lockstep.CodeTimeout || code == lockstep.CodeTargetTimeout:
		return http.StatusGatewayTimeout
	case code == lockstep.CodeAuthToken, code == lockstep.CodeOAuthRefused, code == lockstep.CodeOAuthEndpoint, code == lockstep.CodeConsent:
		return http.StatusBadGateway // the outside system's token, not the caller's
	case place == "source" || place == "target":
		return http.StatusBadGateway
	case place == "map" || place == "scope" || place == "match" || code == lockstep.CodeInvalid || code == lockstep.CodeSecretsAgain:
		return http.StatusUnprocessableEntity
	}
	return web.StatusOf(err)
}

// problemTransformer gives the answers that huma writes by itself, to requests that do not fit the contract, our form.
func problemTransformer(_ huma.Context, _ string, v any) (any, error) {
	m, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	code := lockstep.CodeInvalid
	switch m.Status {
	case http.StatusNotFound:
		code = lockstep.CodeNotFound
	case http.StatusInternalServerError:
		code = lockstep.CodeInternal
	}
	p := describe(code, m.Status)
	p.Detail = m.Detail
	for _, e := range m.Errors {
		p.Errors = append(p.Errors, FieldError{Location: e.Location, Field: fieldAt(e.Location), Message: e.Message})
	}
	if len(p.Errors) == 1 {
		p.Field = p.Errors[0].Field
	}
	return p, nil
}

// fieldAt is what stands at a place of a request: body.slug and query.slug are slug.
func fieldAt(location string) string {
	_, field, _ := strings.Cut(location, ".")
	return field
}

// describeProblems says in the OpenAPI document of an operation that its failures are problems.
func describeProblems(doc *huma.OpenAPI, op *huma.Operation) {
	op.Responses["default"] = &huma.Response{
		Description: "A problem (RFC 9457).",
		Content: map[string]*huma.MediaType{
			(*Problem)(nil).ContentType(""): {Schema: doc.Components.Schemas.Schema(reflect.TypeFor[Problem](), true, "Problem")},
		},
	}
	for _, unused := range []string{"ErrorModel", "ErrorDetail"} { // of huma's own form
		delete(doc.Components.Schemas.Map(), unused)
	}
}

// WriteProblem writes the error as a problem. It is a web.ErrorWriter.
func WriteProblem(w http.ResponseWriter, r *http.Request, err error) {
	p := problemOf(err)
	w.Header().Set("Content-Type", p.ContentType(""))
	if p.Status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", challenge(r))
	}
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // the peer is gone when this fails
}

// challenge says how to authenticate. Who has sent a token is told that it was not accepted (RFC 6750 §3).
func challenge(r *http.Request) string {
	if r.Header.Get("Authorization") == "" {
		return `Bearer realm="lockstep"`
	}
	return `Bearer realm="lockstep", error="invalid_token"`
}
