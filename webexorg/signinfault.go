package webexorg

import (
	"log/slog"
	"net/http"
	"strconv"

	"lockstep/web"
	"lockstep/webexorg/oauth"
	scimface "lockstep/webexorg/scim"
	"lockstep/webexorg/state"
)

// beforeSignIn has the organisation's knobs delay, refuse or spoil an answer of the id broker, counts it and shows it to the inspector,
// as the gateway does with those of the APIs. Knobs.Rate is for the APIs alone. The pages on which people sign in and out never
// fail, or nobody could look what was asked for; authorisation does, and the inspector does not keep it: a code stands in its answer.
func (u *Universe) beforeSignIn(w http.ResponseWriter, r *http.Request, c oauth.Call) {
	o := u.Org(c.Org)
	if all := u.Orgs(); o == nil && len(all) == 1 { // such as discovery, which is nobody's
		o = all[0]
	}
	s := signInCall{u: u, org: o, Call: c}
	if u.inspector == nil || c.Page || o == nil {
		s.ServeHTTP(w, r)
		return
	}
	surface := web.Surface{Log: slog.New(slog.DiscardHandler), Now: u.config.Now}
	surface.Wrap(s).ServeHTTP(w, r)
}

// signInCall is a request to the id broker on its way.
type signInCall struct {
	oauth.Call
	u   *Universe
	org *state.Org // nil when nobody can tell
}

// signInSecrets are fields of the id broker's requests and answers that the inspector does not know by their names.
var signInSecrets = map[string]bool{"code": true, "code_verifier": true, "device_code": true, "user_code": true, "usercode": true}

// ServeHTTP answers it.
func (s signInCall) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	counted := &counted{ResponseWriter: w}
	defer func() { s.u.counts.add(r.Method+" "+s.Path, counted.status) }()
	if s.org == nil {
		s.Answer(counted, r)
		return
	}
	client, _ := s.u.broker.Client(s.Client)
	s.u.inspector.Watch(r, web.Watched{Holder: s.org.ID(), Client: client.Name, ClientID: s.Client, Secrets: signInSecrets})
	knobs := s.org.Running()
	if !pause(r, knobs.Delay(false)) {
		return
	}
	if f := knobs.Strike(r.Method, r.URL.Path); f != nil {
		s.fail(f, counted, r)
		return
	}
	s.Answer(counted, r)
}

// fail answers with the fault.
func (s signInCall) fail(f *Fault, w *counted, r *http.Request) {
	answer := &scimface.Kept{Head: w.Header().Clone()}
	if f.Kind == FaultExpire {
		s.expire(w, r)
		return
	}
	if f.After || f.Kind == FaultTruncate || f.Kind == FaultMalformed || f.Kind == FaultPartial {
		s.Answer(answer, r)
	}
	wait := f.Wait
	switch f.Kind {
	case FaultHTML, FaultReset, FaultHang, FaultTruncate, FaultMalformed:
		spoil(f.Kind, w, r, answer)
		return
	case Fault429:
		wait = max(wait, 1)
	}
	say := faultTexts[f.Kind]
	if wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(wait))
	}
	oauth.Refuse(w, r, say.status, say.code, say.text)
}

// expire ends the token that the request shows: the one that it bears, or a refresh token. Then the broker answers as it does.
func (s signInCall) expire(w *counted, r *http.Request) {
	err := s.u.broker.EndRefresh(r)
	if err == nil {
		err = s.u.endToken(r.Header.Get("Authorization"))
	}
	if err != nil {
		oauth.WriteProblem(w, r, err)
		return
	}
	s.Answer(w, r)
}
