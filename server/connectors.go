package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"sync"

	"lockstep"
	"lockstep/api"
	"lockstep/connection"
	"lockstep/connector/csvfile"
	"lockstep/connector/ldap"
	"lockstep/connector/scimapp"
	"lockstep/connector/webex"
	"lockstep/operate"
	"lockstep/provision"
	"lockstep/web"
)

// connector is one kind of outside system. Exactly one of source and target is set.
type connector struct {
	template func() []byte // an api.Template as JSON
	source   func(*systems, provision.Job) (connection.Source, error)
	target   func(*systems, provision.Job) (connection.Target, error)
}

// connectors are all kinds of outside system that there are.
func connectors() map[string]connector {
	return map[string]connector{
		"csvfile": {template: csvfile.Template, source: (*systems).csvfile},
		"ldap":    {template: ldap.Template, source: (*systems).ldap},
		"scimapp": {template: scimapp.Template, target: (*systems).scimapp},
		"webex":   {template: webex.Template, target: (*systems).webex},
	}
}

// gallery returns the connectors' templates in the order in which they are shown.
func gallery() ([]operate.Template, error) {
	var all []operate.Template
	for _, kind := range []string{"webex", "scimapp", "csvfile", "ldap"} {
		c, ok := connectors()[kind]
		if !ok {
			continue
		}
		var t api.Template
		if err := json.Unmarshal(c.template(), &t); err != nil {
			return nil, fmt.Errorf("template of %s: %w", kind, err)
		}
		all = append(all, t.Domain())
	}
	return all, nil
}

// systems opens the outside systems of jobs. It implements provision.Connect.
type systems struct {
	store  provision.Store
	files  *os.Root
	dialer *web.Dialer
	log    *slog.Logger

	mu   sync.Mutex
	open map[lockstep.JobID]opened
}

// opened is a system as it was opened for a version of the job's configuration; it keeps its connections between slices.
type opened struct {
	config int64
	source connection.Source
	target connection.Target
}

// Source implements provision.Connect.
func (s *systems) Source(_ context.Context, j provision.Job) (connection.Source, error) {
	o, err := s.get(j)
	return o.source, err
}

// Target implements provision.Connect.
func (s *systems) Target(_ context.Context, j provision.Job) (connection.Target, error) {
	o, err := s.get(j)
	return o.target, err
}

func (s *systems) get(j provision.Job) (opened, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if o, ok := s.open[j.ID]; ok && o.config == j.Config {
		return o, nil
	}
	c, ok := connectors()[j.Connection.Kind]
	outbound := j.Direction == provision.Outbound
	if !ok || outbound != (c.target != nil) {
		return opened{}, &lockstep.Error{Code: lockstep.CodeInvalid, Detail: fmt.Sprintf("There is no connector %q for an %s job.", j.Connection.Kind, j.Direction)}
	}
	o := opened{config: j.Config}
	var err error
	if outbound {
		o.target, err = c.target(s, j)
	} else {
		o.source, err = c.source(s, j)
	}
	if err != nil {
		return opened{}, err
	}
	if s.open == nil {
		s.open = map[lockstep.JobID]opened{}
	}
	s.open[j.ID] = o
	return o, nil
}

// secret returns a function that reads a secret whenever it is needed, so that a new one counts at once. A secret that is not
// set gives "".
func (s *systems) secret(j provision.Job, name string) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		v, err := s.store.Secret(ctx, j.Tenant, j.ID, name)
		if errors.Is(err, lockstep.ErrNotFound) {
			return "", nil
		}
		return v, err
	}
}

func (s *systems) http() *http.Client {
	return web.NewClient(web.ClientConfig{Dialer: s.dialer})
}

func (s *systems) csvfile(j provision.Job) (connection.Source, error) {
	if s.files == nil {
		return nil, &lockstep.Error{Code: lockstep.CodeInvalid, Detail: "This server has no folder for file sources."}
	}
	c, err := csvfile.ParseConfig(s.files, j.Connection.Settings)
	if err != nil {
		return nil, err
	}
	return csvfile.New(c), nil
}

func (s *systems) ldap(j provision.Job) (connection.Source, error) {
	c, err := ldap.ParseConfig(j.Connection.Settings)
	if err != nil {
		return nil, err
	}
	c.Password = s.secret(j, "password")
	if s.dialer != nil {
		c.Dial = s.dialer.DialContext
	}
	return ldap.New(c)
}

func (s *systems) scimapp(j provision.Job) (connection.Target, error) {
	c, err := scimapp.ParseConfig(j.Connection.Settings)
	if err != nil {
		return nil, err
	}
	c.Name, c.Token, c.HTTP = j.Name, s.secret(j, "token"), s.http()
	return scimapp.New(c)
}

func (s *systems) webex(j provision.Job) (connection.Target, error) {
	c, err := webex.ParseConfig(j.Connection.Settings)
	if err != nil {
		return nil, err
	}
	c.Name, c.Token, c.HTTP = j.Name, s.secret(j, "token"), s.http()
	return webex.New(c)
}
