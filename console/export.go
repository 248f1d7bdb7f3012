package console

import (
	"encoding/json"
	"net/http"
	"strconv"

	"lockstep"
	"lockstep/api"
	"lockstep/operate"
	"lockstep/web"
)

// exports are the logs as files: exactly what the filter in the address lets through, from the newest line to the oldest.
func (s *Server) exports(handle func(string, web.Handler)) {
	handle("GET /activity/log.csv", s.in(s.exportLog(csvFile)))
	handle("GET /activity/log.jsonl", s.in(s.exportLog(jsonLines)))
	handle("GET /activity/audit.csv", s.in(s.exportAudit(csvFile)))
	handle("GET /activity/audit.jsonl", s.in(s.exportAudit(jsonLines)))
}

// fileKind is how lines are written. Both are written as they are read: a page of the log is in memory, never the whole.
type fileKind string

const (
	csvFile   fileKind = "text/csv; charset=utf-8"
	jsonLines fileKind = "application/jsonl"
)

func (k fileKind) ending() string {
	if k == csvFile {
		return "csv"
	}
	return "jsonl"
}

// askExport is after how many lines of an export is asked whether its session still stands.
const askExport = 1000

// download sends lines as a file. What fails half-way breaks the connection off, so that half a log does not look like a whole one. Exports
// count as streams: no tenant has more of them at a time than it may have of those.
func (s *Server) download(w http.ResponseWriter, r *http.Request, v visit, name string, kind fileKind, write func(ask func() error) error) error {
	finished, err := s.Operator.Stream(v.who)
	if err != nil {
		return err
	}
	defer finished()
	h := w.Header()
	h.Set("Content-Type", string(kind))
	h.Set("Content-Disposition", "attachment; filename="+strconv.Quote(name+"-"+s.now().UTC().Format("2006-01-02")+"."+kind.ending()))
	lines := 0
	err = write(func() error {
		if lines++; lines%askExport != 0 {
			return nil
		}
		if !s.Operator.Sessions.Live(r.Context(), v.session) {
			return &lockstep.Error{Code: lockstep.CodeUnauthorized, Detail: "The session ended while the log was written."}
		}
		_, err := s.Operator.Visitor(r.Context(), v.session.Grant)
		return err
	})
	if err != nil {
		h.Del("Content-Disposition") // nothing of the file has gone out, or the connection breaks
	}
	return err
}

// exportLog writes lines of the provisioning logs.
func (s *Server) exportLog(kind fileKind) func(http.ResponseWriter, *http.Request, visit) error {
	return func(w http.ResponseWriter, r *http.Request, v visit) error {
		f, _ := activityFilterOf(r.URL.Query())
		f.After = "" // a file begins with the newest line, whatever page it was asked for on
		q, wrong := f.find(s.now())
		if wrong != "" {
			return &lockstep.Error{Code: lockstep.CodeInvalid, Detail: wrong}
		}
		if f.App != "" {
			if _, err := s.Operator.Job(r.Context(), v.who, f.App); err != nil {
				return err
			}
		}
		return s.download(w, r, v, "provisioning-log", kind, func(ask func() error) error {
			each := func(add func(api.LogLine) error) error {
				return s.Operator.EachLine(r.Context(), v.who, q, func(l operate.LogLine) error {
					if err := ask(); err != nil {
						return err
					}
					return add(api.LogLineOf(l))
				})
			}
			if kind == jsonLines {
				out := json.NewEncoder(w)
				return each(func(l api.LogLine) error { return out.Encode(l) })
			}
			table, err := api.NewLogCSV(w)
			if err != nil {
				return err
			}
			if err := each(table.Add); err != nil {
				return err
			}
			return table.Close()
		})
	}
}

// exportAudit writes lines of the audit log.
func (s *Server) exportAudit(kind fileKind) func(http.ResponseWriter, *http.Request, visit) error {
	return func(w http.ResponseWriter, r *http.Request, v visit) error {
		q, wrong := auditFilterOf(r.URL.Query()).first().find(s.now())
		if wrong != "" {
			return &lockstep.Error{Code: lockstep.CodeInvalid, Detail: wrong}
		}
		return s.download(w, r, v, "audit-log", kind, func(ask func() error) error {
			each := func(add func(api.AuditLine) error) error {
				return api.EachAudit(r.Context(), s.Operator, v.who, q, func(l api.AuditLine) error {
					if err := ask(); err != nil {
						return err
					}
					return add(l)
				})
			}
			if kind == jsonLines {
				out := json.NewEncoder(w)
				return each(func(l api.AuditLine) error { return out.Encode(l) })
			}
			table, err := api.NewAuditCSV(w)
			if err != nil {
				return err
			}
			if err := each(table.Add); err != nil {
				return err
			}
			return table.Close()
		})
	}
}
