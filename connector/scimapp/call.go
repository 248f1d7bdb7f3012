package scimapp

import (
	"context"
	"net/http"

	"lockstep/connection"
	"lockstep/scim"
)

// Answer is what a Call was answered with.
type Answer struct {
	Status int // 0: there was none
	Header http.Header
	Body   scim.Object // nil when it is no JSON object
}

// Call makes one request that is none of SCIM's, at a path below the base, with the connector's token, limits and faults. Body nil
// sends none. What it is for is told by what, "list licences of". The result says why it failed; the answer is there then, too.
func (t *Target) Call(ctx context.Context, method, path string, body scim.Object, what string) (Answer, connection.Result) {
	buffer := newBuffer()
	if body != nil {
		buffer.Write(scim.AppendJSON(buffer.AvailableBuffer(), body))
	} else {
		buffers.Put(buffer)
		buffer = nil
	}
	a, f := t.send(ctx, method, path, buffer, "", maxPageBody)
	if f != nil {
		return Answer{Status: f.status, Body: f.answer}, connection.Result{
			Err: f.error(what, t.config.Name), RetryAfter: f.retryAfter, MaybeSent: f.maybeSent, Requests: 1,
		}
	}
	defer a.free()
	out := Answer{Status: a.status, Header: a.header}
	o, err := scim.DecodeObject(a.body())
	if err != nil && len(a.body()) > 0 {
		f := notJSON(a, err)
		return out, connection.Result{Err: f.error(what, t.config.Name), MaybeSent: true, Requests: 1}
	}
	out.Body = o
	return out, connection.Result{Requests: 1}
}
