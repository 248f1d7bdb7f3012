package server

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/directory"
	"lockstep/scim/conform"
	"lockstep/store"
	"lockstep/web"
)

// examinedBody is how much of a body is examined of a strict client's request; of a larger one only address and head are.
const examinedBody = 1 << 20

// talliesEvery is how often what was counted is written.
const talliesEvery = 10 * time.Second

// scimReports counts where strict clients depart from the RFCs, and writes that in batches.
type scimReports struct {
	db *store.DB

	mu      sync.Mutex
	waiting map[counted]map[conform.Code]conform.Tally
	writing sync.Mutex // one batch at a time, so that who reads afterwards sees what was counted before
}

type counted struct {
	tenant lockstep.TenantID
	token  lockstep.TokenID
}

// count adds what was found in one request.
func (s *scimReports) count(c counted, at time.Time, found []conform.Deviation) {
	if len(found) == 0 {
		return
	}
	all := make([]conform.Tally, len(found))
	for i, d := range found {
		all[i] = conform.Tally{Code: d.Code, Times: int64(d.Times), First: at, Last: at, Path: d.Path, Seen: d.Seen}
	}
	s.add(c, all)
}

func (s *scimReports) add(c counted, all []conform.Tally) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting == nil {
		s.waiting = map[counted]map[conform.Code]conform.Tally{}
	}
	if s.waiting[c] == nil {
		s.waiting[c] = map[conform.Code]conform.Tally{}
	}
	for _, t := range all {
		s.waiting[c][t.Code] = s.waiting[c][t.Code].Plus(t)
	}
}

// write writes what waits of a tenant, or of all of them when it is "". What cannot be written waits on.
func (s *scimReports) write(ctx context.Context, of lockstep.TenantID) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	batch := map[counted]map[conform.Code]conform.Tally{}
	s.mu.Lock()
	for c, tallies := range s.waiting {
		if of == "" || of == c.tenant {
			batch[c] = tallies
			delete(s.waiting, c)
		}
	}
	s.mu.Unlock()
	var errs []error
	for c, tallies := range batch {
		all := slices.Collect(maps.Values(tallies))
		if err := s.db.AddTallies(ctx, c.tenant, c.token, all); err != nil {
			s.add(c, all)
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// run writes now and then until ctx ends, and then what is left. The first requests of a client are written at once.
func (s *scimServer) run(ctx context.Context) error {
	every := time.NewTicker(talliesEvery)
	defer every.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			return errors.Join(s.reports.write(last, ""), s.calls.write(last, true))
		case <-s.calls.due:
			err = s.calls.write(ctx, false)
		case <-every.C:
			err = errors.Join(s.reports.write(ctx, ""), s.calls.write(ctx, false))
		}
		if err != nil && ctx.Err() == nil {
			s.config.Log.Warn("what is remembered of SCIM clients was not written; tried again", "error", err)
		}
	}
}

// Endpoint implements operate.SCIM.
func (s *scimServer) Endpoint(ctx context.Context, t lockstep.TenantID) (string, error) {
	tenant, err := s.db.Tenant(ctx, t)
	return strings.TrimSuffix(s.config.SCIM.PublicURL, "/") + scimPrefix + tenant.Slug + "/v2", err
}

// Exchanges implements operate.SCIM.
func (s *scimServer) Exchanges(t lockstep.TenantID) []web.Exchange {
	return s.seen.Exchanges(string(t))
}

// Examine implements operate.SCIM.
func (s *scimServer) Examine(ctx context.Context, t lockstep.TenantID, e web.Exchange) ([]conform.Deviation, error) {
	schemas, err := s.db.Schemas(ctx, t)
	if err != nil {
		return nil, err
	}
	return examine(schemas, e), nil
}

func examine(schemas *directory.Schemas, e web.Exchange) []conform.Deviation {
	path, query, _ := strings.Cut(e.URL, "?")
	return conform.Examine(schemas.Types(), conform.Request{
		Method: e.Method, Path: path, Query: query, Header: e.Request.Header.Get, Body: []byte(e.Request.Body),
		Unknown: e.Request.Omitted != "" && e.Request.Body == "", Broken: e.Request.Broken, Masked: web.Masked,
	})
}

// watch has the exchange kept for the administrators of the client's tenant, and examined if the client is strict.
func (s *scimServer) watch(r *http.Request, c *scimClient, schemas *directory.Schemas) {
	who := web.Watched{Holder: string(c.tenant.ID), Client: c.token.Name, ClientID: string(c.token.ID), Secrets: c.secretsOf(schemas), Vouched: true, Then: c.then, ThenIf: c.thenIf}
	if c.token.Profile.Reports() {
		who.ThenBody, who.ThenIf = examinedBody, nil
		who.Then = func(e web.Exchange) {
			s.reports.count(counted{c.tenant.ID, c.token.ID}, e.At, examine(schemas, e))
			if c.thenIf(e.Status) {
				c.then(e)
			}
		}
	}
	s.seen.Watch(r, who)
}

// secretNames are the names of attributes that must not be kept, under these schemas.
type secretNames struct {
	schemas *directory.Schemas
	names   map[string]bool
}

// secretsOf finds them anew when the tenant has changed its schemas.
func (c *scimClient) secretsOf(schemas *directory.Schemas) map[string]bool {
	if known := c.secrets.Load(); known != nil && known.schemas == schemas {
		return known.names
	}
	fresh := &secretNames{schemas: schemas, names: map[string]bool{}}
	for _, t := range schemas.Types() {
		for _, name := range t.Hidden() {
			fresh.names[name] = true
		}
	}
	c.secrets.Store(fresh)
	return fresh.names
}

// Report implements operate.SCIM. It has everything that this node has counted, and of others all but the last seconds.
func (s *scimServer) Report(ctx context.Context, t lockstep.TenantID) (map[lockstep.TokenID][]conform.Tally, error) {
	if err := s.reports.write(ctx, t); err != nil {
		return nil, err
	}
	return s.db.Tallies(ctx, t)
}

// ClearReport implements operate.SCIM.
func (s *scimServer) ClearReport(ctx context.Context, by audit.Actor, t lockstep.TenantID, id lockstep.TokenID) error {
	if err := s.reports.write(ctx, t); err != nil {
		return err
	}
	return s.db.ClearTallies(ctx, by, t, id)
}
