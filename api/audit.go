package api

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"lockstep/audit"
	"lockstep/operate"
	"lockstep/words"
)

func (s *Server) auditRoutes(a huma.API) {
	route(s, a, http.MethodGet, "/audit", "list-audit", "Search the audit log, newest first: who did what", s.listAudit)
	op := operation(http.MethodGet, "/audit.jsonl", "export-audit", "Export the audit log as JSON Lines, newest first")
	op.Responses = map[string]*huma.Response{"200": {
		Description: "One line of the log a line.",
		Content:     map[string]*huma.MediaType{"application/jsonl": {Schema: &huma.Schema{Type: huma.TypeString}}},
	}}
	huma.Register(a, op, func(ctx context.Context, in *AuditFilter) (*huma.StreamResponse, error) {
		p := principalOf(ctx)
		if _, err := s.Operator.AuditLog(ctx, p, audit.Query{Limit: 1}); err != nil {
			return nil, s.failed(ctx, op.OperationID, err)
		}
		return &huma.StreamResponse{Body: func(hc huma.Context) {
			hc.SetHeader("Content-Type", "application/jsonl")
			out := json.NewEncoder(hc.BodyWriter())
			err := EachAudit(hc.Context(), s.Operator, p, in.query(), func(l AuditLine) error { return out.Encode(l) })
			if err != nil && ctx.Err() == nil {
				s.log().ErrorContext(ctx, "export of the audit log stopped half-way", "error", err)
				panic(http.ErrAbortHandler) //nolint:forbidigo // half a log must not look like a whole one
			}
		}}, nil
	})
}

// AuditFilter selects lines of the audit log.
type AuditFilter struct {
	Object string    `query:"object" maxLength:"50" doc:"Kind of the object: user, group, app, job, token, console and others."`
	ID     string    `query:"id" maxLength:"320" doc:"Id of the object."`
	Who    string    `query:"who" maxLength:"200" doc:"Part of the name of who did it, or their whole id."`
	Search string    `query:"search" maxLength:"200" doc:"Part of what was done, of the object's name or of the detail."`
	Since  time.Time `query:"since" doc:"Not before."`
	Until  time.Time `query:"until" doc:"Before."`
}

func (f AuditFilter) query() audit.Query {
	return audit.Query{Object: f.Object, ID: f.ID, Who: f.Who, Text: f.Search, Since: f.Since, Until: f.Until}
}

// AuditLine is a line of the audit log.
type AuditLine struct {
	Row    string      `json:"row" doc:"Names the line."`
	At     time.Time   `json:"at"`
	Actor  audit.Actor `json:"actor"`
	Verb   string      `json:"verb"`
	Object string      `json:"object"`
	ID     string      `json:"id"`
	Name   string      `json:"name,omitempty"`
	Detail string      `json:"detail,omitempty"`
}

func auditLineOf(l audit.Line) AuditLine {
	e := l.Event
	return AuditLine{l.Row, e.At, e.Actor, e.Verb, e.Object, e.ID, e.Name, e.Detail}
}

// Told is the line as people read it.
func (l AuditLine) Told() words.Told {
	return operate.Told(audit.Event{Actor: l.Actor, Verb: l.Verb, Object: l.Object, ID: l.ID, Name: l.Name, Detail: l.Detail})
}

func (s *Server) listAudit(ctx context.Context, p operate.Principal, in *struct {
	AuditFilter
	After string `query:"after" maxLength:"36" doc:"The next of the page before: older lines follow."`
	Limit int    `query:"limit" minimum:"1" maximum:"1000" default:"100"`
},
) (list[AuditLine], error) {
	q := in.query()
	q.Before, q.Limit = in.After, in.Limit
	all, err := s.Operator.AuditLog(ctx, p, q)
	next := ""
	if len(all) == in.Limit {
		next = all[len(all)-1].Row
	}
	return mapped(all, next, auditLineOf), err
}

// EachAudit calls f with every line that the query selects, newest first.
func EachAudit(ctx context.Context, o *operate.Operator, p operate.Principal, q audit.Query, f func(AuditLine) error) error {
	for q.Limit = 1000; ; {
		page, err := o.AuditLog(ctx, p, q)
		if err != nil {
			return err
		}
		for _, l := range page {
			if err := f(auditLineOf(l)); err != nil {
				return err
			}
			q.Before = l.Row
		}
		if len(page) < q.Limit {
			return nil
		}
	}
}

// AuditCSV writes lines of the audit log as CSV (RFC 4180), the first with the names of the columns. No cell is a formula.
type AuditCSV struct{ out *csv.Writer }

// NewAuditCSV begins a table.
func NewAuditCSV(w io.Writer) (*AuditCSV, error) {
	t := &AuditCSV{csv.NewWriter(w)}
	return t, t.write("time", "who", "who_kind", "who_id", "did", "object", "id", "name", "detail", "row")
}

// Add writes a line.
func (t *AuditCSV) Add(l AuditLine) error {
	return t.write(l.At.UTC().Format(time.RFC3339), l.Actor.Name, string(l.Actor.Kind), l.Actor.ID, l.Verb, l.Object, l.ID, l.Name, l.Detail, l.Row)
}

// Close writes what is left.
func (t *AuditCSV) Close() error {
	t.out.Flush()
	return t.out.Error()
}

func (t *AuditCSV) write(cells ...string) error {
	for i := range cells {
		cells[i] = words.Cell(words.Clean(cells[i]))
	}
	return t.out.Write(cells)
}

func (f AuditFilter) values() url.Values {
	v := url.Values{}
	for name, text := range map[string]string{"object": f.Object, "id": f.ID, "who": f.Who, "search": f.Search} {
		add(v, name, text)
	}
	addInstants(v, f.Since, f.Until)
	return v
}

// Audit searches the audit log, newest first, one page; next "" is the end.
func (c *Client) Audit(ctx context.Context, f AuditFilter, after string, limit int) (lines []AuditLine, next string, err error) {
	q := f.values()
	add(q, "after", after)
	q.Set("limit", strconv.Itoa(limit))
	out, err := call[list[AuditLine]](ctx, c, http.MethodGet, at("audit"), q, nil)
	return out.Items, out.Next, err
}

// ExportAudit writes the audit log as JSON Lines, newest first.
func (c *Client) ExportAudit(ctx context.Context, f AuditFilter, w io.Writer) error {
	res, err := c.do(ctx, http.MethodGet, at("audit.jsonl"), f.values(), nil)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if _, err := io.Copy(w, res.Body); err != nil {
		return fmt.Errorf("read the audit log: %w", err)
	}
	return nil
}
