package oauth

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"lockstep"
	"lockstep/web"
)

// refusal is an error of OAuth 2.0 (RFC 6749 §4.1.2.1, §5.2).
type refusal struct {
	status int
	code   string
	detail string
	// back says that the client learns of it at its redirect URI. Without it the browser is shown a page: nobody is sent to an
	// address that is not known to be the client's.
	back bool
}

func (e *refusal) Error() string { return e.code + ": " + e.detail }

func refuse(code, detail string) *refusal {
	return &refusal{status: http.StatusBadRequest, code: code, detail: detail}
}

// asRefusal is what a client may know of any error.
func asRefusal(err error) *refusal {
	var r *refusal
	if errors.As(err, &r) {
		return r
	}
	var e *lockstep.Error
	if errors.As(err, &e) && e.Code == lockstep.CodeUnauthorized {
		return &refusal{status: http.StatusUnauthorized, code: "invalid_token", detail: e.Detail}
	}
	if status := web.StatusOf(err); status < http.StatusInternalServerError {
		return &refusal{status: status, code: "invalid_request", detail: Explain(err)}
	}
	return &refusal{status: http.StatusInternalServerError, code: "server_error", detail: web.PublicText(err)}
}

// Explain is what a person may know of an error, in Webex's manner: without our codes.
func Explain(err error) string {
	var e *lockstep.Error
	if errors.As(err, &e) && e.Detail != "" {
		return e.Detail
	}
	return web.PublicText(err)
}

// trackingHeader is on every answer of Webex, and in every error. A client may choose it.
const trackingHeader = "Trackingid"

func trackingID(r *http.Request) string {
	if id := r.Header.Get(trackingHeader); id != "" && len(id) <= 128 {
		return id
	}
	return "IDB_" + secretHex(8)
}

// writeJSON answers a program. Tokens stand in such answers: nobody keeps them (RFC 6749 §5.1).
func writeJSON[T any](w http.ResponseWriter, status int, v T) error {
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	if h.Get("Cache-Control") == "" {
		h.Set("Cache-Control", "no-store")
		h.Set("Pragma", "no-cache")
	}
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	return json.NewEncoder(w).Encode(v)
}

// problem is an error in both forms: OAuth's, and that of Webex's other APIs.
type problem struct {
	Error       string        `json:"error"`
	Description string        `json:"error_description,omitempty"`
	Message     string        `json:"message"`
	Errors      []description `json:"errors"`
	TrackingID  string        `json:"trackingId"`
}

type description struct {
	Description string `json:"description"`
}

// WriteProblem answers a program that its request failed, in the form of OAuth and that of Webex at once.
func WriteProblem(w http.ResponseWriter, r *http.Request, err error) {
	e := asRefusal(err)
	id := trackingID(r)
	w.Header()[trackingHeader] = []string{id}
	if e.status == http.StatusUnauthorized && w.Header().Get("WWW-Authenticate") == "" {
		switch {
		case e.code != "invalid_client":
			w.Header().Set("WWW-Authenticate", `Bearer error="`+e.code+`"`)
		case r.Header.Get("Authorization") != "": // a client that used the body reads the code there (RFC 6749 §5.2)
			w.Header().Set("WWW-Authenticate", `Basic realm="Webex"`)
		}
	}
	message, said := e.detail, e.detail
	if e.status == http.StatusPreconditionRequired { // Webex's device grant has the code where others have a text
		message, said = http.StatusText(e.status), e.code
	}
	_ = writeJSON(w, e.status, problem{ // the client is gone: nobody to tell
		Error: e.code, Description: strings.ReplaceAll(e.detail, `"`, "'"), Message: message, Errors: []description{{said}}, TrackingID: id,
	})
}
