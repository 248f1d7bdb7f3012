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
	view, err := s.homeView(r.Context(), v)
	if err != nil {
		return err
	}
	v.page.Title, v.page.Nav, v.page.Live = "Home", "home", "/live"
	return s.render(w, r, http.StatusOK, homePage(v.page, view))
}

func (s *Server) homeView(ctx context.Context, v visit) (homeView, error) {
	var view homeView
	all, err := s.Operator.ListJobs(ctx, v.who)
	if err != nil {
		return view, err
	}
	for _, j := range all {
		r, err := s.homeRow(ctx, v.who, j)
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
	r := homeRow{job: view, Href: jobHref(j.Slug)}
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
		at := progressOf(j.Slug, *last)
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
	var last homeView
	first := true
	return s.stream(w, r, v, func(ctx context.Context) ([]event, error) {
		view, err := s.homeView(ctx, v)
		if err != nil || !first && reflect.DeepEqual(view, last) {
			return nil, err
		}
		first, last = false, view
		return []event{{body: homeLive(s.now(), view)}}, nil
	})
}
