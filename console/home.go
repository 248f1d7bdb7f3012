package console

import (
	"context"
	"net/http"
	"reflect"

	"lockstep"
	"lockstep/audit"
	"lockstep/notify"
	"lockstep/operate"
	"lockstep/provision"
)

// homeView is the list of apps and sources, what of them needs somebody, and what administrators did lately.
type homeView struct {
	Sources []homeRow
	Apps    []homeRow
	Needs   []need
	Heals   []need
	Lately  []auditRow // empty for who may not read the audit log
	Calm    bool       // something runs, and nothing needs anybody
}

type homeRow struct {
	job
	Href  string
	Last  *progress // the open cycle, or else the last one
	Held  int
	Needs int
	all   []need
}

// need is one thing that needs somebody, or is tried again without.
type need struct {
	Name string // of the app or the source
	Says string
	Help string
	Code lockstep.Code
	Href string // where it is looked at or mended
	Held bool   // it waits for a decision
}

// latelyRows is how many lines of the audit log are shown. Who came and went is left out: that is on the page of the log.
const latelyRows = 6

// needOf is a cause of a notification as the console shows it.
func needOf(name, href string, c notify.Cause) need {
	n := need{Name: name, Says: c.Says, Help: lockstep.Describe(c.Code).Help, Code: c.Code, Href: href, Held: c.Kind == notify.HeldBack}
	switch c.Kind {
	case notify.HeldBack:
		n.Href += "#held-title"
	case notify.Quarantine:
		n.Href += "#problem"
	case notify.Expiring:
		n.Href += "/connection"
	case notify.Failing:
		if c.Count > 0 {
			n.Href += "/people?show=failing"
		}
	}
	return n
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
		for _, n := range r.all {
			if lockstep.Describe(n.Code).Class == lockstep.Heals {
				view.Heals = append(view.Heals, n)
			} else {
				view.Needs = append(view.Needs, n)
			}
		}
		view.Calm = view.Calm || !r.Draft && !r.Paused
	}
	if err := s.besides(ctx, p, &view); err != nil {
		return view, err
	}
	view.Calm = view.Calm && len(view.Needs) == 0
	return view, nil
}

// besides adds what is of no app and no source, as far as the principal may see it.
func (s *Server) besides(ctx context.Context, p operate.Principal, v *homeView) error {
	if p.May(operate.TokensRead) == nil {
		ending, err := s.Operator.TokensEnding(ctx, p)
		if err != nil {
			return err
		}
		for _, c := range ending {
			n := needOf("Tokens", "/settings/tokens", c)
			n.Href = "/settings/tokens"
			v.Needs = append(v.Needs, n)
		}
	}
	if p.May(operate.SignInRead) == nil && s.Operator.HasSignIn() {
		ending, err := s.Operator.ProvidersEnding(ctx, p)
		if err != nil {
			return err
		}
		for _, c := range ending {
			n := needOf("Sign-in", "", c)
			n.Href = "/signin/providers"
			v.Needs = append(v.Needs, n)
		}
	}
	if p.May(operate.AuditRead) != nil {
		return nil
	}
	lines, err := s.Operator.AuditLog(ctx, p, audit.Query{Limit: 8 * latelyRows})
	for _, l := range lines {
		if l.Event.Object == "console" || len(v.Lately) == latelyRows {
			continue
		}
		row := auditRowOf(l.Event)
		if n := len(v.Lately); n > 0 && v.Lately[n-1].again(row) { // somebody tries out, and saves each time: that is one line here
			continue
		}
		v.Lately = append(v.Lately, row)
	}
	return err
}

func (s *Server) homeRow(ctx context.Context, p operate.Principal, j provision.Job) (homeRow, error) {
	r := homeRow{job: jobOf(j, s.now()), Href: jobHref(j)}
	at, causes, err := s.Operator.Needs(ctx, p, j)
	if err != nil {
		return r, err
	}
	r.State, r.Says = badge(at), at.Says
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
	if r.Review {
		says := "A plan waits for your decision."
		if r.Last != nil {
			says = "A plan waits for your decision: " + r.Last.Word + "."
		}
		r.all = append(r.all, need{Name: r.Name, Says: says, Href: r.Href + "#plan-title", Held: true})
	}
	for _, f := range at.All {
		if f.Value == operate.Behind && f.Exit == operate.ExitHeld {
			r.all = append(r.all, need{Name: r.Name, Says: f.Says + " Plan it, to see what is to be done.", Href: r.Href, Held: true})
		}
	}
	for _, c := range causes {
		switch {
		case c.Kind == notify.HeldBack:
			r.Held += c.Count
		case c.Kind == notify.Failing && lockstep.Describe(c.Code).Class != lockstep.Heals:
			r.Needs += c.Count
		}
		r.all = append(r.all, needOf(r.Name, r.Href, c))
	}
	return r, nil
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
