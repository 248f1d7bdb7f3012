package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"
)

// bare brings a company into an organisation as fast as the organisation allows: users, then groups with their members, over
// so many connections, without a plan, state, or an order. Everybody's manager is the first person, who is created before
// the rest; so the bytes are those that the engine sends. It is the measure that the engine is held to.
type bare struct {
	company     Company
	org         *org
	connections int
	limit       float64 // requests a second; 0 is none
	pace        *rate.Limiter
	http        *http.Client
	requests    atomic.Int64
}

// maxMembers is how many members Webex takes in a request.
const maxMembers = 500

func newBare(c Company, o *org, connections int, limit float64) *bare {
	b := &bare{company: c, org: o, connections: connections, limit: limit, pace: rate.NewLimiter(rate.Inf, 1)}
	if limit > 0 {
		b.pace = rate.NewLimiter(rate.Limit(limit), 1)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.Proxy = nil
	transport.MaxIdleConns, transport.MaxIdleConnsPerHost, transport.MaxConnsPerHost = connections, connections, connections
	b.http = &http.Client{Transport: transport}
	return b
}

// run brings the company over and returns how long that took.
func (b *bare) run(ctx context.Context) (time.Duration, error) {
	defer b.http.CloseIdleConnections()
	began := time.Now()
	ids := make([]string, b.company.People)
	for i := range min(1, len(ids)) {
		if err := b.user(ctx, ids, i); err != nil {
			return 0, err
		}
	}
	err := b.each(ctx, 1, len(ids), func(ctx context.Context, i int) error { return b.user(ctx, ids, i) })
	if err != nil {
		return 0, err
	}
	err = b.each(ctx, 0, b.company.Groups, func(ctx context.Context, g int) error { return b.group(ctx, ids, g) })
	return time.Since(began), err
}

// each calls f for from up to end, over all connections.
func (b *bare) each(ctx context.Context, from, end int, f func(context.Context, int) error) error {
	next := atomic.Int64{}
	next.Store(int64(from))
	all, ctx := errgroup.WithContext(ctx)
	for range b.connections {
		all.Go(func() error {
			for {
				i := int(next.Add(1)) - 1
				if i >= end {
					return nil
				}
				if err := f(ctx, i); err != nil {
					return err
				}
			}
		})
	}
	return all.Wait()
}

func (b *bare) user(ctx context.Context, ids []string, i int) error {
	p := b.company.Person(i)
	a := &account{Schemas: userSchemas, Active: true}
	for n, column := range personColumns[:Mapped] {
		a.set(column, p.Values[n])
	}
	if i > 0 {
		a.setManager(ids[0])
	}
	id, err := b.send(ctx, http.MethodPost, "/Users", a)
	ids[i] = id
	return err
}

// bareGroup is a group as it is created.
type bareGroup struct {
	Schemas     []string    `json:"schemas"`
	DisplayName string      `json:"displayName"`
	Members     []reference `json:"members,omitempty"`
}

// addMembers is a PATCH that adds members (RFC 7644 §3.5.2.1).
type addMembers struct {
	Schemas    []string       `json:"schemas"`
	Operations []addOperation `json:"Operations"`
}

type addOperation struct {
	Op    string      `json:"op"`
	Path  string      `json:"path"`
	Value []reference `json:"value"`
}

func (b *bare) group(ctx context.Context, ids []string, g int) error {
	var members []reference
	for _, i := range b.company.Members(g) {
		members = append(members, reference{Value: ids[i]})
	}
	first := members[:min(len(members), maxMembers)]
	id, err := b.send(ctx, http.MethodPost, "/Groups", bareGroup{
		Schemas: []string{"urn:ietf:params:scim:schemas:core:2.0:Group"}, DisplayName: GroupName(g), Members: first,
	})
	if err != nil {
		return err
	}
	for chunk := range slices.Chunk(members[len(first):], maxMembers) {
		_, err := b.send(ctx, http.MethodPatch, "/Groups/"+id, addMembers{
			Schemas:    []string{"urn:ietf:params:scim:api:messages:2.0:PatchOp"},
			Operations: []addOperation{{Op: "add", Path: "members", Value: chunk}},
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// send sends a request, again when the organisation asks to slow down, and returns the id in the answer.
func (b *bare) send(ctx context.Context, method, path string, body any) (string, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return "", err
	}
	for {
		if err := b.pace.Wait(ctx); err != nil {
			return "", err
		}
		id, after, err := b.once(ctx, method, path, text)
		if err != nil || after == 0 {
			return id, err
		}
		timer := time.NewTimer(after)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return "", context.Cause(ctx)
		}
	}
}

// once sends a request. After tells how long to wait before it is sent again; 0 is that it need not be.
func (b *bare) once(ctx context.Context, method, path string, text []byte) (id string, after time.Duration, err error) {
	req, err := http.NewRequestWithContext(ctx, method, b.org.scim()+path, bytes.NewReader(text))
	if err != nil {
		return "", 0, err
	}
	req.Header.Set("Authorization", "Bearer "+b.org.bearer)
	req.Header.Set("Content-Type", "application/scim+json")
	b.requests.Add(1)
	res, err := b.http.Do(req)
	if err != nil {
		return "", 0, fmt.Errorf("bare writer: %w", err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	switch {
	case err != nil:
		return "", 0, fmt.Errorf("bare writer: %w", err)
	case res.StatusCode == http.StatusTooManyRequests:
		seconds, err := strconv.Atoi(res.Header.Get("Retry-After"))
		return "", time.Duration(max(1, seconds)) * time.Second, err
	case res.StatusCode >= 300:
		return "", 0, fmt.Errorf("bare writer: %s %s: %s: %s", method, path, res.Status, answer)
	}
	var made struct {
		ID string `json:"id"`
	}
	if len(answer) > 0 {
		err = json.Unmarshal(answer, &made)
	}
	return made.ID, 0, err
}
