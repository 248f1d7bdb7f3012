package scim

import "strconv"

// BulkResponse answers a BulkRequest (RFC 7644 §3.7.3).
type BulkResponse struct{ Operations []BulkResult }

// BulkResult is the outcome of one operation.
type BulkResult struct {
	Method   string
	BulkID   string
	Location string // URI of the resource; "" for a POST that failed
	Version  string // entity tag
	Status   int
	Response Object // the body of the answer; an error has one
}

// Object returns the body of the answer. Every operation has a status, as a string.
func (r BulkResponse) Object() Object {
	list := make(List, len(r.Operations))
	for i, op := range r.Operations {
		e := Object{{"method", op.Method}}
		e.setText("bulkId", op.BulkID)
		e.setText("version", op.Version)
		e.setText("location", op.Location)
		e = append(e, Attr{"status", strconv.Itoa(op.Status)})
		e.Set("response", op.Response)
		list[i] = e
	}
	return Object{{"schemas", List{BulkResponseURN}}, {"Operations", list}}
}

// ParseBulkResponse reads the answer of another server. A status may be a string, a number or, as in drafts of SCIM, an object
// with a code.
func ParseBulkResponse(data []byte) (BulkResponse, error) {
	o, err := decode(data, true) // an empty operation keeps its place
	if err != nil {
		return BulkResponse{}, err
	}
	var r BulkResponse
	for _, e := range asList(o.Get("Operations")) {
		o, ok := e.(Object)
		if !ok {
			return BulkResponse{}, ErrInvalidSyntax("an operation is not an object")
		}
		response, _ := pruned(o.Get("response")).(Object)
		r.Operations = append(r.Operations, BulkResult{
			Method: o.Text("method"), BulkID: o.Text("bulkId"), Location: o.Text("location"), Version: o.Text("version"),
			Status: statusOf(o.Get("status")), Response: response,
		})
	}
	return r, nil
}

// statusOf reads an HTTP status; 0 when there is none.
func statusOf(v any) int {
	switch v := v.(type) {
	case int64:
		return int(v)
	case string:
		n, _ := strconv.Atoi(v)
		return n
	case Object:
		return statusOf(v.Get("code"))
	}
	return 0
}
