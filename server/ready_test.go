package server_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"lockstep"
	"lockstep/server"
)

// TestReady: a folder without a server, one that does not answer, and one that is not ready are told from one that is.
func TestReady(t *testing.T) {
	status := http.StatusNoContent
	asked := ""
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = r.URL.Path
		w.WriteHeader(status)
	}))
	defer h.Close()
	folder := t.TempDir()
	if err := server.Ready(t.Context(), folder); lockstep.CodeOf(err) != lockstep.CodeUnreachable {
		t.Errorf("without a server: %v", err)
	}
	if err := (server.Card{Address: h.URL}).Write(folder); err != nil {
		t.Fatal(err)
	}
	if err := server.Ready(t.Context(), folder); err != nil || asked != "/readyz" {
		t.Errorf("of a server that is ready: %v, asked for %s", err, asked)
	}
	for _, status = range []int{http.StatusServiceUnavailable, http.StatusOK, http.StatusNotFound} {
		if err := server.Ready(t.Context(), folder); lockstep.CodeOf(err) != lockstep.CodeUnreachable {
			t.Errorf("of a server that answers %d: %v", status, err)
		}
	}
	h.Close()
	if err := server.Ready(t.Context(), folder); lockstep.CodeOf(err) != lockstep.CodeUnreachable {
		t.Errorf("of a server that has gone: %v", err)
	}
}
