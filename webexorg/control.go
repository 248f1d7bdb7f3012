package webexorg

import (
	"bytes"
	"cmp"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"lockstep"
	"lockstep/web"
)

// control is the control surface: the Go API of this package for tests and benches in another process.
//
//	GET    /control/orgs                  what organisations there are
//	POST   /control/orgs                  an OrgConfig: adds one
//	DELETE /control/orgs/{org}            removes one with all it has
//	PUT    /control/orgs/{org}/domains    {"domains": [...], "enforce": true}
//	POST   /control/orgs/{org}/tokens     {"scope": "identity:people_rw", "lifetime": "1h"}: the answer has the token
//	DELETE /control/orgs/{org}/tokens     ends all tokens
//	GET    /control/orgs/{org}/knobs      the Knobs
//	PATCH  /control/orgs/{org}/knobs      Knobs: what is not named stays
//	GET    /control/orgs/{org}/dump       see Org.Dump
//	GET    /control/orgs/{org}            its settings, people and groups apart
//	PATCH  /control/orgs/{org}            an OrgConfig: what is not named stays
//	GET    /control/orgs/{org}/centre     the contact centre; PUT replaces it
//	GET    /control/orgs/{org}/archived   who was deleted and is kept; DELETE …/{id}, or DELETE of all, forgets them
//	POST   /control/orgs/{org}/sweep      does what time does to accounts
//	POST   /control/orgs/{org}/locations  {"name": "…"}: adds a location of Webex Calling
//	POST   /control/orgs/{org}/templates/apply  {"preserve": true}: applies licence templates to people who are there already
//	POST   /control/orgs/{org}/people/{id}/sign-in   as if the person had signed in
//	POST   /control/orgs/{org}/people/{id}/tokens   {"scopes": "…", "lifetime": "1h"}: the answer has an access token of theirs
//	POST   /control/orgs/{org}/faults     a Fault: adds it; DELETE takes all away
//	GET    /control/orgs/{org}/calls      the last calls and their answers, the newest first, secrets masked
//	POST   /control/seed                  a Seed: adds its organisations
//	GET    /control/export                everything as a Seed
//	GET    /control/stats                 Counts; DELETE begins anew
//	GET    /control/commits               ?since=, &limit=, &wait=5s: the writes after a number, if need be the next one
//	GET    /control/dump                  the dumps of all organisations
func (u *Universe) control() http.Handler {
	surface := &web.Surface{Errors: writeControlError}
	mux := http.NewServeMux()
	handle := func(pattern string, h web.Handler) { mux.Handle(pattern, surface.Handle(h)) }
	handle("GET /control/orgs", u.controlOrgs)
	handle("POST /control/orgs", u.controlAddOrg)
	handle("DELETE /control/orgs/{org}", u.withOrg(func(w http.ResponseWriter, _ *http.Request, o *Org) error {
		return noContent(w, u.DropOrg(o.ID()))
	}))
	handle("PUT /control/orgs/{org}/domains", u.withOrg(controlDomains))
	handle("POST /control/orgs/{org}/tokens", u.withOrg(controlToken))
	handle("DELETE /control/orgs/{org}/tokens", u.withOrg(func(w http.ResponseWriter, _ *http.Request, o *Org) error {
		return noContent(w, errors.Join(o.ExpireTokens(), u.broker.EndOrganisation(o.ID())))
	}))
	handle("GET /control/orgs/{org}/knobs", u.withOrg(func(w http.ResponseWriter, _ *http.Request, o *Org) error {
		return writeJSON(w, http.StatusOK, o.Knobs())
	}))
	handle("PATCH /control/orgs/{org}/knobs", u.withOrg(controlKnobs))
	handle("GET /control/orgs/{org}/dump", u.withOrg(func(w http.ResponseWriter, _ *http.Request, o *Org) error {
		w.Header().Set("Content-Type", "application/x-ndjson")
		return o.Dump(w)
	}))
	u.controlMore(handle)
	handle("GET /control/dump", u.controlDump)
	handle("GET /control/stats", func(w http.ResponseWriter, _ *http.Request) error {
		return writeJSON(w, http.StatusOK, map[string][]Count{"requests": u.Counts()})
	})
	handle("DELETE /control/stats", func(w http.ResponseWriter, _ *http.Request) error {
		u.ResetCounts()
		return noContent(w, nil)
	})
	handle("GET /control/commits", u.controlCommits)
	u.controlBroker(handle)
	return surface.Handle(func(w http.ResponseWriter, r *http.Request) error {
		if subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), []byte("Bearer "+u.config.Control)) != 1 {
			return &lockstep.Error{Code: lockstep.CodeUnauthorized}
		}
		mux.ServeHTTP(w, r)
		return nil
	})
}

func (u *Universe) withOrg(h func(http.ResponseWriter, *http.Request, *Org) error) web.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		o := u.Org(r.PathValue("org"))
		if o == nil {
			return &lockstep.Error{Code: lockstep.CodeNotFound, Detail: "There is no organisation " + r.PathValue("org") + "."}
		}
		return h(w, r, o)
	}
}

// orgState is what the control surface tells of an organisation.
type orgState struct {
	OrgConfig
	Users  int `json:"users"`
	Groups int `json:"groups"`
}

func stateOf(o *Org) orgState {
	users, groups := o.Size()
	return orgState{o.Config(), users, groups}
}

func (u *Universe) controlOrgs(w http.ResponseWriter, _ *http.Request) error {
	list := []orgState{}
	for _, o := range u.Orgs() {
		list = append(list, stateOf(o))
	}
	return writeJSON(w, http.StatusOK, map[string][]orgState{"orgs": list})
}

func (u *Universe) controlAddOrg(w http.ResponseWriter, r *http.Request) error {
	var c OrgConfig
	if err := readJSON(w, r, &c); err != nil {
		return err
	}
	o, err := u.AddOrg(c)
	if err != nil {
		return invalid(err)
	}
	return writeJSON(w, http.StatusCreated, stateOf(o))
}

func controlDomains(w http.ResponseWriter, r *http.Request, o *Org) error {
	var c OrgConfig
	if err := readJSON(w, r, &c); err != nil {
		return err
	}
	return noContent(w, o.SetDomains(c.Domains, c.Enforce))
}

func controlToken(w http.ResponseWriter, r *http.Request, o *Org) error {
	in := struct {
		Scope    Scope  `json:"scope"`
		Lifetime string `json:"lifetime"`
	}{Scope: ReadWrite, Lifetime: DefaultLifetime.String()}
	if err := readJSON(w, r, &in); err != nil {
		return err
	}
	lifetime, err := time.ParseDuration(in.Lifetime)
	if err != nil {
		return invalid(err)
	}
	text, err := o.IssueToken(in.Scope, lifetime)
	if err != nil {
		return invalid(err)
	}
	return writeJSON(w, http.StatusCreated, map[string]string{"token": text})
}

func controlKnobs(w http.ResponseWriter, r *http.Request, o *Org) error {
	k := o.Knobs()
	if err := readJSON(w, r, &k); err != nil {
		return err
	}
	if err := o.SetKnobs(k); err != nil {
		return invalid(err)
	}
	return writeJSON(w, http.StatusOK, o.Knobs())
}

func (u *Universe) controlDump(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "application/x-ndjson")
	for _, o := range u.Orgs() {
		if err := o.Dump(w); err != nil {
			return err
		}
	}
	return nil
}

func (u *Universe) controlCommits(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	since, err1 := strconv.ParseInt(cmp.Or(q.Get("since"), "0"), 10, 64)
	limit, err2 := strconv.Atoi(cmp.Or(q.Get("limit"), "10000"))
	wait, err3 := time.ParseDuration(cmp.Or(q.Get("wait"), "0s"))
	if err := errors.Join(err1, err2, err3); err != nil {
		return invalid(err)
	}
	if moved := u.CommitsAfter(since); moved != nil && wait > 0 {
		timer := time.NewTimer(min(wait, time.Minute))
		defer timer.Stop()
		select {
		case <-moved:
		case <-timer.C:
		case <-r.Context().Done():
		case <-web.Draining(r.Context()):
		}
	}
	commits, last := u.Universe.Commits(since, limit)
	return writeJSON(w, http.StatusOK, struct {
		Last    int64    `json:"last"`
		Commits []Commit `json:"commits"`
	}{last, commits})
}

func readJSON[T any](w http.ResponseWriter, r *http.Request, into *T) error {
	if r.ContentLength == 0 {
		return nil
	}
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 16<<20))
	if err == nil {
		err = strictly(text, into)
	}
	if err != nil {
		return invalid(err)
	}
	return nil
}

// strictly decodes JSON and takes no name that it does not know.
func strictly[T any](text []byte, into *T) error {
	in := json.NewDecoder(bytes.NewReader(text))
	in.DisallowUnknownFields()
	return in.Decode(into)
}

func writeJSON[T any](w http.ResponseWriter, status int, v T) error {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	return json.NewEncoder(w).Encode(v)
}

func noContent(w http.ResponseWriter, err error) error {
	if err == nil {
		w.WriteHeader(http.StatusNoContent)
	}
	return err
}

func invalid(err error) error {
	return &lockstep.Error{Code: lockstep.CodeInvalid, Detail: fmt.Sprint(err)}
}

func writeControlError(w http.ResponseWriter, _ *http.Request, err error) {
	_ = writeJSON(w, web.StatusOf(err), map[string]string{"error": web.PublicText(err)}) // the client is gone: nobody to tell
}
