package web

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

func listen(t *testing.T) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

func TestRunDrains(t *testing.T) {
	ln, inside, finish := listen(t), make(chan struct{}), make(chan struct{})
	ctx, end := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- Run(ctx, ln, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			close(inside)
			<-Draining(r.Context())
			<-finish
			if r.Context().Err() != nil {
				t.Error("a draining request lost its context")
			}
			_, _ = io.WriteString(w, "whole")
		}))
	}()
	body := make(chan string, 1)
	go func() {
		resp, err := http.Get("http://" + ln.Addr().String())
		if err != nil {
			body <- err.Error()
			return
		}
		read, _ := ReadBody(resp.Body, 100)
		body <- string(read)
	}()
	<-inside
	end()
	close(finish)
	if got := <-body; got != "whole" {
		t.Errorf("the running request got %q", got)
	}
	if err := <-ended; err != nil {
		t.Errorf("Run: %v", err)
	}
	if conn, err := net.Dial("tcp", ln.Addr().String()); err == nil {
		conn.Close()
		t.Error("the listener is still open")
	}
}

func TestRunCutsAfterGrace(t *testing.T) {
	ln, inside, left := listen(t), make(chan struct{}), false
	ctx, end := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		server := &Server{Grace: 10 * time.Millisecond}
		ended <- server.Run(ctx, ln, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			close(inside)
			<-r.Context().Done() // takes no notice of Draining
			left = true
		}))
	}()
	asked := make(chan struct{})
	go func() {
		defer close(asked)
		if resp, err := http.Get("http://" + ln.Addr().String()); err == nil { // cut or answered at the last moment: both are right
			Discard(resp.Body)
		}
	}()
	<-inside
	end()
	if err := <-ended; err != nil || !left {
		t.Errorf("Run returned %v; handler left: %v", err, left)
	}
	<-asked
}

func TestRunReportsAFailedListener(t *testing.T) {
	ln := listen(t)
	ln.Close()
	if err := Run(t.Context(), ln, http.NotFoundHandler()); err == nil {
		t.Error("no error from a closed listener")
	}
}

func TestBodyDeadlineIsLifted(t *testing.T) {
	ln := listen(t)
	ctx, end := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- Run(ctx, ln, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			timed, ok := r.Body.(*timedBody)
			if !ok {
				t.Errorf("the body has no deadline: %T", r.Body)
				return
			}
			if err := timed.control.SetReadDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
				t.Error(err)
			}
			if _, err := io.ReadAll(r.Body); err != nil {
				t.Error(err)
			}
			select {
			case <-r.Context().Done():
				t.Error("the body's deadline ended the answer")
			case <-time.After(150 * time.Millisecond):
			}
		}))
	}()
	resp, err := http.Post("http://"+ln.Addr().String(), "text/plain", strings.NewReader("body"))
	if err == nil {
		Discard(resp.Body)
	}
	end()
	<-ended
}
