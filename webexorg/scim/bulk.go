package scim

import (
	"bytes"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"lockstep/scim"
	"lockstep/scim/scimhttp"
)

// bulk answers POST /Bulk: as RFC 7644 §3.7 has it, but without PUT, and with Webex's names and types in the answer.
func (f *Face) bulk(w http.ResponseWriter, r *http.Request, h scimhttp.Handler, c Call) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 16<<20))
	if err != nil {
		h.WriteError(w, r, scim.ErrTooLarge("The request is too large."))
		return
	}
	asked, err := scim.DecodeObject(body)
	if err == nil {
		err = checkBulk(asked)
	}
	if c.Partial {
		asked, body = half(asked)
	}
	if err != nil && c.Denied == nil && c.Org != nil {
		h.WriteError(w, r, err)
		return
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	answer := &Kept{Head: w.Header().Clone()}
	h.ServeHTTP(answer, r)
	if c.Partial {
		h.WriteError(w, r, &scim.Error{Status: http.StatusInternalServerError, Detail: "Something went wrong."})
		return
	}
	if answer.Status == http.StatusOK {
		answer.Body = reshape(answer.Body, asked, c.Org.Settings().Assume.BulkCapital, c.Org.Settings().Assume.BulkTextStatus)
	}
	maps.Copy(w.Header(), answer.Head)
	w.Header().Set("Content-Length", strconv.Itoa(len(answer.Body)))
	w.WriteHeader(answer.Status)
	_, _ = w.Write(answer.Body) // the client is gone: there is nobody to tell
}

// checkBulk refuses what Webex does not take in a Bulk request.
func checkBulk(asked scim.Object) error {
	list, _ := asked.Get("operations").(scim.List)
	for i, e := range list {
		op, _ := e.(scim.Object)
		if method := strings.ToUpper(op.Text("method")); method == http.MethodPut {
			return scim.ErrInvalidSyntax("operation " + strconv.Itoa(i+1) + ": the method " + method + " is not supported in Bulk")
		}
	}
	if n, ok := asked.Get("failOnErrors").(int64); ok && (n < 1 || n > maxBulk) {
		return scim.ErrInvalidValue("failOnErrors is a number from 1 to 100")
	}
	return nil
}

// half leaves the first half of the operations.
func half(asked scim.Object) (scim.Object, []byte) {
	list, _ := asked.Get("operations").(scim.List)
	asked.Set("operations", list[:len(list)/2])
	return asked, scim.AppendJSON(nil, asked)
}

// reshape gives a Bulk answer Webex's form: the list is "operations", statuses are numbers, and every result has the bulkId of its
// operation, DELETE included.
func reshape(body []byte, asked scim.Object, capital, text bool) []byte {
	answer, err := scim.DecodeObject(body)
	if err != nil {
		return body
	}
	sent, _ := asked.Get("operations").(scim.List)
	results, _ := answer.Get("Operations").(scim.List)
	for i, e := range results {
		res, ok := e.(scim.Object)
		if !ok {
			continue
		}
		if n, err := strconv.ParseInt(res.Text("status"), 10, 64); err == nil && !text {
			res.Set("status", n)
		}
		if id := bulkIDOf(sent, res); id != "" && !res.Has("bulkId") {
			res.Set("bulkId", id)
		}
		results[i] = res
	}
	name := "operations"
	if capital {
		name = "Operations"
	}
	answer.Delete("Operations")
	answer = append(answer, scim.Attr{Name: name, Value: results})
	return scim.AppendJSON(nil, answer)
}

// bulkIDOf finds the operation that a result without a bulkId belongs to, by method and location.
func bulkIDOf(sent scim.List, res scim.Object) string {
	i := slices.IndexFunc(sent, func(e any) bool {
		op, ok := e.(scim.Object)
		return ok && strings.EqualFold(op.Text("method"), res.Text("method")) && op.Text("path") != "" &&
			strings.HasSuffix(res.Text("location"), op.Text("path"))
	})
	if i < 0 {
		return ""
	}
	op, _ := sent[i].(scim.Object)
	return op.Text("bulkId")
}

// Kept is an answer that is not sent, or not as it is.
type Kept struct {
	Head   http.Header
	Status int
	Body   []byte
}

// Header returns the headers.
func (k *Kept) Header() http.Header { return k.Head }

// WriteHeader keeps the status.
func (k *Kept) WriteHeader(status int) {
	if k.Status == 0 {
		k.Status = status
	}
}

// Write keeps the body.
func (k *Kept) Write(p []byte) (int, error) {
	k.WriteHeader(http.StatusOK)
	k.Body = append(k.Body, p...)
	return len(p), nil
}
