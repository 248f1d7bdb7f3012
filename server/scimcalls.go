package server

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"lockstep"
	"lockstep/operate"
	"lockstep/scim"
	"lockstep/sso"
	"lockstep/store"
	"lockstep/token"
	"lockstep/web"
	"lockstep/words"
)

// callsEvery is how old what is written of a client's requests gets. Its first request that was served and its first that was refused are
// written at once; after that a client costs a write a minute, however much it sends.
const callsEvery = time.Minute

// refusedEvery is how often a request that was refused is looked at, to say why.
const refusedEvery = time.Second

// scimCalls remembers what clients have asked: first, last and in vain. Of a request that was served well lately nothing is done but an atomic
// read.
type scimCalls struct {
	db  *store.DB
	now func() time.Time
	due chan struct{} // something is to be written at once

	mu        sync.Mutex
	clients   map[lockstep.TokenID]*clientCalls
	strangers map[string]operate.Stranger // by the tenant of the address, as it stood there
}

// clientCalls is what is known of one client.
type clientCalls struct {
	of              counted
	served, refused atomic.Int64 // when one was looked at last, in Unix nanoseconds

	mu      sync.Mutex
	calls   store.SCIMCalls // the newest that this node has seen
	waiting store.SCIMCalls // of these, what is not written
	wrote   time.Time
	urgent  bool // the first of its kind waits
}

func newSCIMCalls(db *store.DB, now func() time.Time) *scimCalls {
	return &scimCalls{db: db, now: now, due: make(chan struct{}, 1), clients: map[lockstep.TokenID]*clientCalls{}, strangers: map[string]operate.Stranger{}}
}

// of is what is known of a client.
func (s *scimCalls) of(c counted) *clientCalls {
	s.mu.Lock()
	defer s.mu.Unlock()
	known := s.clients[c.token]
	if known == nil {
		if len(s.clients) >= maxClients {
			clear(s.clients)
		}
		known = &clientCalls{of: c}
		s.clients[c.token] = known
	}
	return known
}

// wants reports whether a request that was answered so is looked at.
func (c *clientCalls) wants(now time.Time, status int) bool {
	if status < 400 {
		served := c.served.Load()
		return now.UnixNano()-served >= int64(callsEvery) || c.refused.Load() > served // what was wrong is over
	}
	return now.UnixNano()-c.refused.Load() >= int64(refusedEvery)
}

// The reasons why a client opens nothing any more.
const (
	endedExpired = "expired"
	endedFormer  = "former" // it shows the secret of before the last rotation, whose time is over
	endedRevoked = "revoked"
	endedMaker   = "maker" // what it was made with has ended
)

// note remembers a request. ended says why the client opens nothing any more, "" when it does.
func (s *scimCalls) note(c *clientCalls, e web.Exchange, ended string) {
	path, _, _ := strings.Cut(e.URL, "?")
	now := s.now()
	call := store.SCIMCall{At: now, Method: clip(e.Method), Path: clip(path), Status: e.Status, Agent: clip(e.Request.Header.Get("User-Agent"))}
	c.mu.Lock()
	defer c.mu.Unlock()
	if e.Status >= 400 {
		c.refused.Store(now.UnixNano())
		if call.Type, call.Detail = errorOf(e.Response.Body); ended != "" {
			call.Type = ended
		}
		c.urgent = c.urgent || c.calls.Refused.At.IsZero()
		c.calls.Refused, c.waiting.Refused = call, call
	} else {
		c.served.Store(now.UnixNano())
		if c.calls.First.At.IsZero() {
			c.calls.First, c.waiting.First, c.urgent = call, call, true
		}
		c.calls.Last, c.waiting.Last = call, call
	}
	if c.urgent {
		select {
		case s.due <- struct{}{}:
		default:
		}
	}
}

// errorOf is what the answer to a request that was refused says.
func errorOf(body string) (kind, detail string) {
	var e struct {
		Type   string `json:"scimType"`
		Detail string `json:"detail"`
	}
	if json.Unmarshal([]byte(body), &e) != nil {
		return "", ""
	}
	return clip(e.Type), clip(e.Detail)
}

// write writes what waits, or, unless all is, what has waited long enough. What cannot be written waits on.
func (s *scimCalls) write(ctx context.Context, all bool) error {
	s.mu.Lock()
	clients := make([]*clientCalls, 0, len(s.clients))
	for _, c := range s.clients {
		clients = append(clients, c)
	}
	s.mu.Unlock()
	var errs []error
	for _, c := range clients {
		calls, due := c.take(s.now(), all)
		if !due {
			continue
		}
		if err := s.db.AddSCIMCalls(ctx, c.of.tenant, c.of.token, calls); err != nil {
			c.back(calls)
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// take is what is to be written now.
func (c *clientCalls) take(now time.Time, all bool) (store.SCIMCalls, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.waiting == (store.SCIMCalls{}) || !all && !c.urgent && now.Sub(c.wrote) < callsEvery {
		return store.SCIMCalls{}, false
	}
	calls := c.waiting
	c.waiting, c.urgent, c.wrote = store.SCIMCalls{}, false, now
	return calls, true
}

// back has what could not be written wait again, unless something newer does.
func (c *clientCalls) back(calls store.SCIMCalls) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !calls.First.At.IsZero() {
		c.waiting.First = calls.First
	}
	if c.waiting.Last.At.IsZero() {
		c.waiting.Last = calls.Last
	}
	if c.waiting.Refused.At.IsZero() {
		c.waiting.Refused = calls.Refused
	}
}

// maxStrangers is of how many tenants, or what was taken for one, the last stranger is remembered.
const maxStrangers = 1000

// stranger remembers a request that showed nothing that opens the tenant in its address. It is kept in memory alone: nobody without a token
// causes a write.
func (s *scimCalls) stranger(r *http.Request, at string, status int, id lockstep.TokenID, why operate.StrangerReason, detail string) {
	if len(at) > 64 {
		return
	}
	path := r.URL.Path // within the endpoint
	if why == operate.StrangerTenant {
		path = scimPrefix + r.PathValue("tenant") + "/v2" + path // what is wrong with it is the tenant
	}
	one := operate.Stranger{Token: id, Why: why, SCIMCall: operate.SCIMCall{
		At: s.now(), Method: clip(r.Method), Path: clip(path), Status: status, Agent: clip(r.UserAgent()), Detail: clip(detail),
	}}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.strangers[at]; !known && len(s.strangers) >= maxStrangers {
		clear(s.strangers)
	}
	s.strangers[at] = one
}

// refused has it remembered who was not let in, and why.
func (s *scimServer) refused(r *http.Request, scheme, text string, err error) {
	e, ok := errors.AsType[*scim.Error](err)
	if !ok || e.Status != http.StatusUnauthorized && e.Status != http.StatusServiceUnavailable {
		return // a failure of ours
	}
	why, detail, id := operate.StrangerText, "", lockstep.TokenID("")
	ref, malformed := token.Parse(text)
	switch {
	case scheme == "":
		why = operate.StrangerNothing
	case !strings.EqualFold(scheme, "Bearer"):
		why = operate.StrangerScheme
	case malformed == nil && ref.Kind != token.KindSCIM:
		why = operate.StrangerKind
	case malformed == nil:
		why, id = operate.StrangerSecret, ref.ID
	case strings.HasPrefix(text, string(token.KindSCIM)+"_"):
		why = operate.StrangerBroken
	case strings.Count(text, ".") == 2 || strings.HasPrefix(text, sso.AccessPrefix):
		why = operate.StrangerAccess
		if e != errNoToken {
			detail = e.Detail
		}
	}
	s.calls.stranger(r, r.PathValue("tenant"), e.Status, id, why, detail)
}

// Calls implements operate.SCIM. It has everything that this node has seen, and of others all but the last minute.
func (s *scimServer) Calls(ctx context.Context, t lockstep.TenantID) (operate.SCIMCalls, error) {
	out := operate.SCIMCalls{Clients: map[lockstep.TokenID]operate.ClientCalls{}, Rate: s.config.SCIM.Rate}
	tenant, err := s.db.Tenant(ctx, t)
	if err != nil {
		return out, err
	}
	kept, err := s.db.SCIMCalls(ctx, t)
	if err != nil {
		return out, err
	}
	for id, c := range kept {
		out.Clients[id] = operate.ClientCalls{First: operate.SCIMCall(c.First), Last: operate.SCIMCall(c.Last), Refused: operate.SCIMCall(c.Refused)}
	}
	s.calls.add(&out, tenant.ID, tenant.Slug)
	return out, nil
}

// add adds what this node has seen to what is kept.
func (s *scimCalls) add(out *operate.SCIMCalls, t lockstep.TenantID, slug string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, c := range s.clients {
		if c.of.tenant != t {
			continue
		}
		c.mu.Lock()
		own := c.calls
		c.mu.Unlock()
		all := out.Clients[id]
		if first := own.First; all.First.At.IsZero() && !first.At.IsZero() {
			all.First = operate.SCIMCall(first)
		}
		all.Last, all.Refused = later(all.Last, own.Last), later(all.Refused, own.Refused)
		out.Clients[id] = all
	}
	for _, at := range []string{slug, string(t)} {
		if one, ok := s.strangers[at]; ok && (out.Stranger == nil || one.At.After(out.Stranger.At)) {
			out.Stranger = &one
		}
	}
}

func later(kept operate.SCIMCall, own store.SCIMCall) operate.SCIMCall {
	if own.At.After(kept.At) {
		return operate.SCIMCall(own)
	}
	return kept
}

// clip is a text that others have written, at a length that can be kept.
func clip(text string) string { return words.Clip(strings.ToValidUTF8(text, ""), 200) }

// remembers has the exchanges of a client remembered. It is called when the client is looked up, so that its requests cost no closures.
func (s *scimServer) remembers(c *scimClient) {
	calls := s.calls.of(counted{c.tenant.ID, c.token.ID})
	c.then = func(e web.Exchange) { s.calls.note(calls, e, c.ended) }
	c.thenIf = func(status int) bool { return calls.wants(s.now(), status) }
}
