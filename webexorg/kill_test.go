package webexorg

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// TestMain lets the test binary be the server that TestKill kills.
func TestMain(m *testing.M) {
	if journal := os.Getenv("WEBEXORG_TEST_JOURNAL"); journal != "" {
		if err := serveForKill(journal); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func serveForKill(journal string) error {
	u, err := New(Config{Journal: journal})
	if err != nil {
		return err
	}
	orgs := u.Orgs()
	if len(orgs) == 0 {
		o, err := u.AddOrg(OrgConfig{Name: "Killed"})
		if err != nil {
			return err
		}
		orgs = append(orgs, o)
	}
	token, err := orgs[0].IssueToken(ReadWrite, 0)
	if err != nil {
		return err
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(ln.Addr(), orgs[0].ID(), token)
	return u.Serve(context.Background(), ln)
}

// startForKill starts a server on the journal; the function it returns kills it.
func startForKill(t *testing.T, journal string) (p *peer, kill func()) {
	t.Helper()
	server := exec.Command(os.Args[0])
	server.Env = append(os.Environ(), "WEBEXORG_TEST_JOURNAL="+journal)
	server.Stderr = os.Stderr
	out, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	kill = sync.OnceFunc(func() {
		_ = server.Process.Kill() // SIGKILL; an error means that it is dead already
		_ = server.Wait()         // "signal: killed"
	})
	t.Cleanup(kill)
	var address, org string
	p = &peer{t: t}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscan(line, &address, &org, &p.token); err != nil {
		t.Fatal(err)
	}
	p.url, p.base = "http://"+address, "/identity/scim/"+org+"/v2"
	return p, kill
}

// TestKill kills the server under load, again and again: what was acknowledged is there afterwards.
func TestKill(t *testing.T) {
	journal := filepath.Join(t.TempDir(), "journal")
	acknowledged := map[string]string{} // ids of users, and the titles that they were given last
	for round := range 4 {
		p, kill := startForKill(t, journal)
		for id, title := range acknowledged {
			got, err := p.send("GET", "/Users/"+id, "")
			if err != nil || got.StatusCode != 200 || got.body.Text("title") != title {
				t.Fatalf("round %d: user %s with the title %q: %v %s %v", round, id, title, got.Response, got.text, err)
			}
		}
		var mu sync.Mutex
		var wg sync.WaitGroup
		enough := make(chan struct{})
		signal := sync.OnceFunc(func() { close(enough) })
		began := len(acknowledged)
		for w := range 8 {
			wg.Go(func() {
				for i := 0; ; i++ {
					name := fmt.Sprintf("u%d-%d-%d@example.com", round, w, i)
					got, err := p.send("POST", "/Users", `{"userName":"`+name+`","title":"new"}`)
					if err != nil || got.StatusCode != 201 {
						return // killed
					}
					id := got.body.Text("id")
					mu.Lock()
					acknowledged[id] = "new"
					if len(acknowledged) >= began+60 {
						signal()
					}
					mu.Unlock()
					body := `{"Operations":[{"op":"replace","path":"title","value":"` + name + `"}]}`
					if got, err = p.send("PATCH", "/Users/"+id, body); err != nil || got.StatusCode != 200 {
						mu.Lock()
						delete(acknowledged, id) // whether it was changed is not known
						mu.Unlock()
						return
					}
					mu.Lock()
					acknowledged[id] = name
					mu.Unlock()
				}
			})
		}
		<-enough
		kill()
		wg.Wait()
	}
	if len(acknowledged) < 200 {
		t.Errorf("only %d writes were tried", len(acknowledged))
	}
}
