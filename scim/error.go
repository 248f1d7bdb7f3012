package scim

import (
	"strconv"
	"strings"
)

// Error is an error as a SCIM service provider answers it (RFC 7644 §3.12).
type Error struct {
	Status int    // HTTP status
	Type   string // scimType, one of RFC 7644 table 9 or RFC 9865 §2.1; "" when none applies
	Detail string // one sentence for people; never a secret
}

// ErrorURN is the schema of errors.
const ErrorURN = "urn:ietf:params:scim:api:messages:2.0:Error"

// The detail types of RFC 7644 table 9 and, for cursors, RFC 9865 §2.1.
const (
	TypeInvalidFilter = "invalidFilter"
	TypeTooMany       = "tooMany"
	TypeUniqueness    = "uniqueness"
	TypeMutability    = "mutability"
	TypeInvalidSyntax = "invalidSyntax"
	TypeInvalidPath   = "invalidPath"
	TypeNoTarget      = "noTarget"
	TypeInvalidValue  = "invalidValue"
	TypeInvalidVers   = "invalidVers"
	TypeSensitive     = "sensitive"
	TypeInvalidCursor = "invalidCursor"
	TypeExpiredCursor = "expiredCursor"
	TypeInvalidCount  = "invalidCount"
)

// Error returns the detail with status and type.
func (e *Error) Error() string {
	s := "scim " + strconv.Itoa(e.Status)
	if e.Type != "" {
		s += " " + e.Type
	}
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	return s
}

// Object returns the body of the answer. The status is a string there (RFC 7644 §3.12).
func (e *Error) Object() Object {
	o := Object{{"schemas", List{ErrorURN}}, {"status", strconv.Itoa(e.Status)}}
	if e.Type != "" {
		o = append(o, Attr{"scimType", e.Type})
	}
	if e.Detail != "" {
		o = append(o, Attr{"detail", e.Detail})
	}
	return o
}

// MarshalJSON encodes the body of the answer. It never fails.
func (e *Error) MarshalJSON() ([]byte, error) { return AppendJSON(nil, e.Object()), nil }

// ParseError reads the body of an error that another server answered with the HTTP status given. It takes what servers send:
// the status as a number, schemas as a single string, other names for the detail, or no JSON at all.
func ParseError(status int, body []byte) *Error {
	e := &Error{Status: status}
	o, err := DecodeObject(body)
	if err != nil {
		return e
	}
	e.Type = o.Text("scimType")
	for _, name := range []string{"detail", "message", "error_description", "description", "error"} {
		if e.Detail = o.Text(name); e.Detail != "" {
			break
		}
	}
	return e
}

// ErrInvalidFilter reports a filter that is wrong or not supported: 400.
func ErrInvalidFilter(detail string) *Error { return &Error{400, TypeInvalidFilter, detail} }

// ErrTooMany reports a filter with more results than the server is willing to count: 400.
func ErrTooMany(detail string) *Error { return &Error{400, TypeTooMany, detail} }

// ErrUniqueness reports a value that another resource has: 409.
func ErrUniqueness(detail string) *Error { return &Error{409, TypeUniqueness, detail} }

// ErrMutability reports a change to an attribute that must not change: 400.
func ErrMutability(detail string) *Error { return &Error{400, TypeMutability, detail} }

// ErrInvalidPath reports a path that is malformed or names nothing known: 400.
func ErrInvalidPath(detail string) *Error { return &Error{400, TypeInvalidPath, detail} }

// ErrNoTarget reports a path that matches no value to operate on: 400.
func ErrNoTarget(detail string) *Error { return &Error{400, TypeNoTarget, detail} }

// ErrInvalidValue reports a value that is missing or not compatible with its attribute: 400.
func ErrInvalidValue(detail string) *Error { return &Error{400, TypeInvalidValue, detail} }

// ErrInvalidCursor reports a cursor that is not one of the query's: 400 (RFC 9865 §2.1). It says the same of one that was made up,
// altered, or given to somebody else.
func ErrInvalidCursor() *Error {
	return &Error{400, TypeInvalidCursor, "The cursor is not one that this query has returned to this client."}
}

// ErrExpiredCursor reports a cursor that is too old: 400 (RFC 9865 §2.1).
func ErrExpiredCursor() *Error {
	return &Error{400, TypeExpiredCursor, "The cursor has expired: begin again with an empty one."}
}

// ErrInvalidCount reports a count that is no number, or not that of the pages before: 400 (RFC 9865 §2.1).
func ErrInvalidCount(detail string) *Error { return &Error{400, TypeInvalidCount, detail} }

// ErrNotFound reports a resource that does not exist: 404.
func ErrNotFound(detail string) *Error { return &Error{Status: 404, Detail: detail} }

// ErrPrecondition reports a version that does not match If-Match: 412.
func ErrPrecondition(detail string) *Error { return &Error{Status: 412, Detail: detail} }

// ErrTooLarge reports a request that exceeds a limit, which the detail names: 413 (RFC 7644 §3.7.4).
func ErrTooLarge(detail string) *Error { return &Error{Status: 413, Detail: detail} }

// ErrNotImplemented reports an operation this server does not have, such as /Me: 501 (RFC 7644 §3.11).
func ErrNotImplemented(detail string) *Error { return &Error{Status: 501, Detail: detail} }

// ErrInvalidSyntax reports a body that is not JSON or not what the schema of the message says: 400.
func ErrInvalidSyntax(detail string) *Error { return &Error{400, TypeInvalidSyntax, detail} }

// sameName reports whether two names of attributes or URNs are the same.
func sameName(a, b string) bool {
	return len(a) == len(b) && (a == b || strings.EqualFold(a, b))
}
