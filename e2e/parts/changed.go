package parts

import (
	"net/http"
	"net/http/httptest"
	"strconv"
)

// Changed answers as the handler does, once change has changed the answer: a server that breaks one rule, to see whether a client
// that is tested with it would notice.
func Changed(h http.Handler, change func(r *http.Request, answer *httptest.ResponseRecorder)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := httptest.NewRecorder()
		h.ServeHTTP(answer, r)
		change(r, answer)
		for name, values := range answer.Header() {
			w.Header()[name] = values
		}
		w.Header().Set("Content-Length", strconv.Itoa(answer.Body.Len()))
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes()) // the client is gone: nobody to tell
	})
}
