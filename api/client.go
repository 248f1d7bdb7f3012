package api

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"lockstep"
)

// Client speaks to a server's API. Base and Token must be set. Its methods return a *Problem for what the server refused and
// a lockstep.Error with cli.server_unreachable when there is no server.
type Client struct {
	Base   string            // such as http://127.0.0.1:8420, without the prefix
	Token  string            // bearer token
	Tenant string            // slug or id, for tokens that belong to no tenant; "" is the default tenant
	HTTP   http.RoundTripper // nil is http.DefaultTransport; Local reaches a handler in this process
}

// maxAnswer bounds what the client reads of one answer.
const maxAnswer = 256 << 20

// call does a request and decodes the answer. A nil body sends none; T may be struct{} for answers without a body.
func call[T any](ctx context.Context, c *Client, method string, path string, query url.Values, body any) (out T, err error) {
	res, err := c.do(ctx, method, path, query, body)
	if err != nil {
		return out, err
	}
	defer res.Body.Close()
	if res.StatusCode == http.StatusNoContent {
		return out, nil
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, maxAnswer)).Decode(&out); err != nil {
		return out, &lockstep.Error{Code: lockstep.CodeUnreachable, Detail: fmt.Sprintf("What %s answered cannot be read.", c.Base), Err: err}
	}
	return out, nil
}

// do sends the request and returns an answer of the 200s.
func (c *Client) do(ctx context.Context, method, path string, query url.Values, body any) (*http.Response, error) {
	req, err := c.request(ctx, method, path, query, body)
	if err != nil {
		return nil, err
	}
	transport := c.HTTP
	if transport == nil {
		transport = http.DefaultTransport
	}
	res, err := transport.RoundTrip(req) // no redirects: the API has none
	if err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, &lockstep.Error{Code: lockstep.CodeUnreachable, Detail: "The server at " + c.Base + " does not answer.", Err: err}
	}
	if res.StatusCode >= 300 {
		defer res.Body.Close()
		return nil, readProblem(res)
	}
	return res, nil
}

func (c *Client) request(ctx context.Context, method, path string, query url.Values, body any) (*http.Request, error) {
	var sent io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return nil, fmt.Errorf("encode the request: %w", err)
		}
		sent = bytes.NewReader(text)
	}
	address := strings.TrimRight(c.Base, "/") + path
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, address, sent)
	if err != nil {
		return nil, &lockstep.Error{Code: lockstep.CodeUsage, Detail: "“" + clip(c.Base) + "” is no address of a server.", Err: err}
	}
	req.Header.Set("Accept", "application/json")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.Token != "" {
		req.Header.Set("Authorization", "Bearer "+c.Token)
	}
	if c.Tenant != "" {
		req.Header.Set(TenantHeader, c.Tenant)
	}
	return req, nil
}

func readProblem(res *http.Response) error {
	text, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	p := &Problem{}
	if err != nil || json.Unmarshal(text, p) != nil || p.Code == "" {
		return &lockstep.Error{Code: lockstep.CodeUnreachable, Detail: fmt.Sprintf("Not a Lockstep server: it answered %s.", res.Status)}
	}
	return p
}

// at joins path segments after the prefix, each escaped.
func at(segments ...string) string {
	var b strings.Builder
	b.WriteString(Prefix)
	for _, s := range segments {
		b.WriteByte('/')
		b.WriteString(url.PathEscape(s))
	}
	return b.String()
}

// Event is what Watch tells: exactly one field is set.
type Event struct {
	Job    *Job       `json:"job,omitempty"`
	Action *Action    `json:"action,omitempty"`
	End    *StreamEnd `json:"end,omitempty"`
}

// Watch calls f with the job as it is and then with what changes, until f returns an error, which it passes on, or ctx ends.
// It connects again when the server ends the stream.
func (c *Client) Watch(ctx context.Context, job string, f func(Event) error) error {
	for {
		res, err := c.do(ctx, http.MethodGet, at("jobs", job, "events"), nil, nil)
		if err != nil {
			return err
		}
		err = readEvents(res.Body, f)
		_ = res.Body.Close() // everything was read, or nobody wants the rest
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return err
		}
		again := time.NewTimer(time.Second)
		select {
		case <-ctx.Done():
			again.Stop()
			return context.Cause(ctx)
		case <-again.C:
		}
	}
}

// readEvents reads server-sent events (WHATWG HTML §9.2) as huma writes them: an event line, a data line, an empty line.
func readEvents(r io.Reader, f func(Event) error) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 4<<20)
	kind, data := "", ""
	for lines.Scan() {
		line := lines.Text()
		switch {
		case line == "":
			if e, err := decodeEvent(kind, data); err != nil {
				return err
			} else if e != (Event{}) {
				if err := f(e); err != nil {
					return err
				}
			}
			kind, data = "", ""
		case strings.HasPrefix(line, "event: "):
			kind = line[len("event: "):]
		case strings.HasPrefix(line, "data: "):
			data += line[len("data: "):]
		}
	}
	if err := lines.Err(); err != nil {
		return err
	}
	return io.EOF
}

func decodeEvent(kind, data string) (e Event, err error) {
	var into any
	switch kind {
	case "job":
		e.Job = &Job{}
		into = e.Job
	case "action":
		e.Action = &Action{}
		into = e.Action
	case "end":
		e.End = &StreamEnd{}
		into = e.End
	default:
		return e, nil // of a newer server
	}
	return e, json.Unmarshal([]byte(data), into)
}

// ListQuery selects what lists return. The zero ListQuery is the first page.
type ListQuery struct {
	Search  string
	After   string
	Limit   int
	Deleted bool
	State   string // of people: active, disabled or deleted
}

func (q ListQuery) values() url.Values {
	v := url.Values{}
	add(v, "search", q.Search)
	add(v, "after", q.After)
	if q.Limit > 0 {
		v.Set("limit", strconv.Itoa(q.Limit))
	}
	add(v, "state", q.State)
	if q.Deleted {
		v.Set("deleted", "true")
	}
	return v
}

// LogQuery selects lines of the provisioning log.
type LogQuery struct {
	Cycle  lockstep.CycleID
	State  string // states divided by commas
	Kind   string // kinds divided by commas
	Code   string // part of an error code
	Search string // part of a name
	Words  string // each is part of a name, of the detail or of the code
	Since  time.Time
	Until  time.Time
	After  string
	Limit  int
}

func (q LogQuery) values() url.Values {
	v := url.Values{}
	add(v, "cycle", string(q.Cycle))
	for name, text := range map[string]string{"state": q.State, "kind": q.Kind, "code": q.Code, "search": q.Search, "words": q.Words} {
		add(v, name, text)
	}
	addInstants(v, q.Since, q.Until)
	add(v, "after", q.After)
	if q.Limit > 0 {
		v.Set("limit", strconv.Itoa(q.Limit))
	}
	return v
}

// addInstants adds a range of time, as far as it has ends.
func addInstants(v url.Values, since, until time.Time) {
	for name, t := range map[string]time.Time{"since": since, "until": until} {
		if !t.IsZero() {
			v.Set(name, t.UTC().Format(time.RFC3339))
		}
	}
}

func add(v url.Values, name, text string) {
	if text != "" {
		v.Set(name, text)
	}
}
