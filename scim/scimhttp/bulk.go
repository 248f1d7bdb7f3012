package scimhttp

import (
	"context"
	"errors"
	"net/http"
	"sync"

	"golang.org/x/sync/errgroup"

	"lockstep/scim"
)

// maxParallel is how many operations of a Bulk request run at a time.
const maxParallel = 64

// bulk runs a Bulk request (RFC 7644 §3.7): operations that do not depend on each other at the same time, references by
// bulkId in any direction, circles by adding the references once everything in the circle exists. It stops when there have
// been failOnErrors errors, never after more; the answer lists what was processed. Each operation counts against the client's budget.
func (c *call) bulk() (answer, error) {
	body, err := c.body(c.limits.BulkBody)
	if err != nil {
		return answer{}, err
	}
	req, err := scim.ParseBulk(body, scim.Limits{Operations: c.limits.BulkOps, Bytes: int(c.limits.BulkBody)})
	if e, ok := errors.AsType[*scim.Error](err); ok && e.Status == http.StatusRequestEntityTooLarge {
		return answer{}, &scim.Error{Status: c.limits.BulkStatus, Detail: e.Detail}
	}
	if err != nil {
		return answer{}, err
	}
	if m, ok := c.backend.(Metered); ok {
		if err := m.Spend(len(req.Operations) - 1); err != nil {
			return answer{}, err
		}
	}
	run := bulkRun{call: c, req: req, ids: map[string]string{}, results: make([]*scim.BulkResult, len(req.Operations))}
	run.all()
	var res scim.BulkResponse
	for _, r := range run.results {
		if r != nil {
			res.Operations = append(res.Operations, *r)
		}
	}
	*c.buf = scim.AppendJSON(*c.buf, res.Object())
	return answer{status: http.StatusOK}, nil
}

// bulkRun is a Bulk request that is being processed.
type bulkRun struct {
	*call
	req scim.BulkRequest

	mu       sync.Mutex
	ids      map[string]string // of created resources, by bulkId
	results  []*scim.BulkResult
	failures int
}

func (b *bulkRun) all() {
	waves, circular := b.req.Waves()
	for _, wave := range waves {
		if !b.each(wave, b.do) {
			return
		}
	}
	if len(circular) == 0 {
		return
	}
	later := map[int]scim.Patch{}
	var posts, others []int
	for _, i := range circular {
		if b.req.Operations[i].Method == http.MethodPost {
			posts = append(posts, i)
		} else {
			others = append(others, i)
		}
	}
	for _, i := range posts {
		b.req.Operations[i], later[i] = b.req.Operations[i].Split()
	}
	ok := b.each(posts, b.do) &&
		b.each(posts, func(i int) scim.BulkResult { return b.complete(i, later[i]) })
	for _, i := range others { // one by one, as they may wait for each other
		ok = ok && b.each([]int{i}, b.do)
	}
}

// each runs the operations, as many at a time as there may still be errors, and reports whether to go on.
func (b *bulkRun) each(list []int, do func(i int) scim.BulkResult) bool {
	for len(list) > 0 {
		n := len(list)
		if b.req.FailOnErrors > 0 {
			n = min(n, b.req.FailOnErrors-b.failures)
		}
		if n <= 0 || b.r.Context().Err() != nil {
			return false
		}
		var group errgroup.Group
		group.SetLimit(maxParallel)
		for _, i := range list[:n] {
			group.Go(func() error {
				b.note(i, do(i))
				return nil
			})
		}
		_ = group.Wait() // the functions return no error
		list = list[n:]
	}
	return b.req.FailOnErrors == 0 || b.failures < b.req.FailOnErrors
}

func (b *bulkRun) note(i int, r scim.BulkResult) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if r.Status >= 400 && (b.results[i] == nil || b.results[i].Status < 400) {
		b.failures++
	}
	b.results[i] = &r
}

func (b *bulkRun) lookUp(bulkID string) (id string, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	id, ok = b.ids[bulkID]
	return id, ok
}

// do runs one operation.
func (b *bulkRun) do(i int) scim.BulkResult {
	op := b.req.Operations[i].Resolve(b.lookUp)
	r := scim.BulkResult{Method: op.Method, BulkID: op.BulkID}
	t, res, err := b.run(op)
	if err != nil {
		return b.failed(r, op, err)
	}
	switch op.Method {
	case http.MethodPost:
		r.Status = http.StatusCreated
		b.mu.Lock()
		b.ids[op.BulkID] = res.ID
		b.mu.Unlock()
	case http.MethodDelete:
		r.Status, r.Location = http.StatusNoContent, b.base+op.Path
		return r
	default:
		r.Status = http.StatusOK
	}
	r.Location = b.location(t, res.ID)
	if res.Version != "" {
		r.Version = entityTag(res.Version)
	}
	return r
}

func (b *bulkRun) failed(r scim.BulkResult, op scim.BulkOperation, err error) scim.BulkResult {
	e := publicError(err)
	r.Status, r.Response = e.Status, e.Object()
	if b.h.Decorate != nil {
		b.h.Decorate(b.r, e, &r.Response)
	}
	if op.Method != http.MethodPost {
		r.Location = b.base + op.Path
	}
	return r
}

// run hands the operation to the backend.
func (b *bulkRun) run(op scim.BulkOperation) (t *scim.Type, res scim.Resource, err error) {
	ctx := b.r.Context()
	endpoint, id := op.Target()
	if t = typeAt(b.backend, endpoint[1:]); t == nil || (op.Method == http.MethodPost) != (id == "") {
		return nil, res, scim.ErrNotFound("There is no endpoint " + op.Method + " " + op.Path + ".")
	}
	if refs := op.References(); len(refs) > 0 {
		return nil, res, &scim.Error{
			Status: http.StatusConflict, Detail: "There is no resource for the bulkId " + refs[0] + " (RFC 7644 §3.7.2).",
		}
	}
	ref := scim.Ref{Type: t.Name, ID: id}
	switch op.Method {
	case http.MethodPatch:
		res, err = b.runPatch(ctx, ref, op)
	case http.MethodDelete:
		err = b.backend.Delete(ctx, ref, untag(op.Version))
	default:
		var o scim.Object
		if o, err = t.Check(op.Resource(), scim.Mode{}); err != nil {
			break
		}
		if op.Method == http.MethodPost {
			res, err = b.backend.Create(ctx, t.Name, o)
		} else {
			res, err = b.backend.Replace(ctx, ref, untag(op.Version), o)
		}
	}
	return t, res, err
}

func (b *bulkRun) runPatch(ctx context.Context, ref scim.Ref, op scim.BulkOperation) (scim.Resource, error) {
	p, err := op.Patch(scim.Limits{Operations: b.limits.PatchOps})
	if err != nil {
		return scim.Resource{}, err
	}
	return b.backend.Patch(ctx, ref, untag(op.Version), p)
}

// complete adds the references of a circle to a resource that was created without them.
func (b *bulkRun) complete(i int, later scim.Patch) scim.BulkResult {
	r, op := *b.results[i], b.req.Operations[i]
	id, created := b.lookUp(op.BulkID)
	if !created || len(later.Operations) == 0 {
		return r
	}
	endpoint, _ := op.Target()
	patch := scim.NewBulkOperation(http.MethodPatch, endpoint+"/"+id, "", later.Object()).Resolve(b.lookUp)
	_, res, err := b.run(patch)
	if err != nil {
		return b.failed(r, patch, err)
	}
	r.Version = entityTag(res.Version)
	return r
}
