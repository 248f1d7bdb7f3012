package console

import (
	"context"
	"net/http"
	"reflect"

	"lockstep/operate"
	"lockstep/provision"
)

// homeView is the list of apps and sources.
type homeView struct {
	Sources []homeRow
	Apps    []homeRow
}

type homeRow struct {
	job
	Href  string
	Last  *progress // the open cycle, or else the last one
	Held  int
	Needs int
}

func (s *Server) home(w http.ResponseWriter, r *http.Request, v visit) error {
	view, err := s.homeView(r.Context(), v.who)
	if err != nil {
		return err
	}
	v.page.Title, v.page.Nav, v.page.Live = "Home", "/", "/live"
	return s.render(w, r, http.StatusOK, homePage(v.page, view))
}

func (s *Server) homeView(ctx context.Context, p operate.Principal) (homeView, error) {
	var view homeView
	all, err := s.Operator.ListJobs(ctx, p)
	if err != nil {
		return view, err
	}
	for _, j := range all {
		r, err := s.homeRow(ctx, p, j)
		if err != nil {
			return view, err
		}
		if r.Inbound {
			view.Sources = append(view.Sources, r)
		} else {
			view.Apps = append(view.Apps, r)
		}
	}
	return view, nil
}

func (s *Server) homeRow(ctx context.Context, p operate.Principal, j provision.Job) (homeRow, error) {
	view, err := s.jobView(ctx, p, j)
	r := homeRow{job: view, Href: jobHref(j)}
	if err != nil {
		return r, err
	}
	last := j.Cycle
	if last == nil {
		cycles, err := s.Operator.Cycles(ctx, p, string(j.ID), 1)
		if err != nil {
			return r, err
		}
		if len(cycles) > 0 {
			last = &cycles[0]
		}
	}
	if last != nil {
		at := progressOf(jobHref(j), *last)
		r.Last = &at
	}
	h, err := s.held(ctx, p, j)
	if err != nil {
		return r, err
	}
	r.Held = len(h.Rows)
	needs, _, err := s.problems(ctx, p, j)
	for _, g := range needs {
		r.Needs += g.N
	}
	return r, err
}

// homeLive sends the list again whenever it has changed.
func (s *Server) homeLive(w http.ResponseWriter, r *http.Request, v visit) error {
	of := r.URL.Query().Get("of")
	if of != "apps" && of != "sources" {
		of = ""
	}
	look, done := s.watchedHome.watch(lookKey{v.who.Tenant, v.who.Scopes.String(), of, logFilter{}}, func() looker[*drawn] {
		return &homeStream{server: s, of: of}
	})
	defer done()
	var last *drawn
	return s.stream(w, r, v, func(ctx context.Context) ([]event, error) {
		now, err := look(ctx, v.who)
		if err != nil || now == last {
			return nil, err
		}
		last = now
		return []event{{body: now}}, nil
	})
}

// homeStream is one of the three lists that is being watched, by any number of browsers.
type homeStream struct {
	server *Server
	of     string
	last   homeView
	seen   *drawn
}

func (h *homeStream) look(ctx context.Context, p operate.Principal) (*drawn, error) {
	view, err := h.server.homeView(ctx, p)
	if err != nil || h.seen != nil && reflect.DeepEqual(view, h.last) {
		return h.seen, err
	}
	h.last, h.seen = view, &drawn{of: homeLive(h.server.now(), view)}
	switch h.of {
	case "apps":
		h.seen.of = systemsLive(h.server.now(), appsView(view))
	case "sources":
		h.seen.of = systemsLive(h.server.now(), sourcesView(view))
	}
	return h.seen, nil
}

// systemsView is the list of apps, or of sources.
type systemsView struct {
	Title, Text, Add, AddWord string
	EmptyTitle, EmptyText     string
	Said                      string
	Rows                      []homeRow
}

func appsView(v homeView) systemsView {
	return systemsView{
		Title: "Apps", Text: "The directory brings people into these.", Add: "/add/apps", AddWord: "Add an app", Rows: v.Apps,
		EmptyTitle: "There is no app yet.", EmptyText: "An app is what people are provisioned to, such as a Webex organisation.",
	}
}

func sourcesView(v homeView) systemsView {
	return systemsView{
		Title: "Sources", Text: "These bring people into the directory.", Add: "/add/sources", AddWord: "Add a source", Rows: v.Sources,
		EmptyTitle: "There is no source yet.", EmptyText: "A source brings people and groups in: CSV files, an LDAP directory. SCIM clients push them by themselves.",
	}
}

func (s *Server) apps(w http.ResponseWriter, r *http.Request, v visit) error {
	return s.systems(w, r, v, "/apps", appsView)
}

func (s *Server) sources(w http.ResponseWriter, r *http.Request, v visit) error {
	return s.systems(w, r, v, "/sources", sourcesView)
}

// systems shows one of the two lists, live with the stream of the home page.
func (s *Server) systems(w http.ResponseWriter, r *http.Request, v visit, path string, of func(homeView) systemsView) error {
	all, err := s.homeView(r.Context(), v.who)
	if err != nil {
		return err
	}
	view := of(all)
	view.Said = said(r)
	v.page.Title, v.page.Nav, v.page.Live = view.Title, path, "/live?of="+path[1:]
	return s.render(w, r, http.StatusOK, systemsPage(v.page, view))
}
