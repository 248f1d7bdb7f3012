package queue_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"lockstep/queue"
)

// victim, in the environment, makes this test binary a worker that takes a job and never ends its slice: "sqlite:PATH" or
// "postgres:DSN".
const victim = "LOCKSTEP_QUEUE_VICTIM"

// short are time-outs that let a lost slice be rescued within seconds.
func short(c queue.Config) queue.Config {
	c.JobTimeout, c.Rescue = 500*time.Millisecond, time.Second
	return c
}

// A worker is killed with -9 in the middle of a slice. On SQLite the slice goes on as soon as a process is back; on
// PostgreSQL another node takes it over.
func TestKilledWorker(t *testing.T) {
	if where := os.Getenv(victim); where != "" {
		beVictim(t, where)
	}
	onBoth(t, func(t *testing.T, _ int, place func() queue.Config) {
		f := newFeed()
		f.change(ada)
		c := short(place())
		c.Due = f.due
		c.Work = func(_ context.Context, k queue.Key) error { f.settle(k, f.read(k)); return nil }
		var where string
		patience := time.Second
		if c.SQLite != nil {
			var path string
			if err := c.SQLite.QueryRow(`SELECT file FROM pragma_database_list WHERE name = 'main'`).Scan(&path); err != nil {
				t.Fatal(err)
			}
			where = "sqlite:" + path
		} else {
			where, patience = "postgres:"+c.Postgres.Config().ConnString(), time.Minute
		}
		killInSlice(t, where)

		began := time.Now()
		start(t, c)
		f.wait(t)
		took := time.Since(began)
		if took > patience {
			t.Errorf("the job of the killed worker went on after %v, want at most %v", took, patience)
		}
		t.Logf("the job of the killed worker went on after %v", took.Round(time.Millisecond))
	})
}

// killInSlice starts a victim, waits until it is in the middle of a slice, and kills it.
func killInSlice(t *testing.T, where string) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestKilledWorker$", "-test.v")
	cmd.Env = append(os.Environ(), victim+"="+where)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	working := make(chan bool)
	go func() {
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if lines.Text() == "working" {
				close(working)
			}
		}
	}()
	await(t, working, "the victim to work")
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed, and says so
}

func beVictim(t *testing.T, where string) {
	c := queue.Config{Log: testLog(t)}
	if path, ok := strings.CutPrefix(where, "sqlite:"); ok {
		c.SQLite = openSQLite(t, path)
	} else if dsn, ok := strings.CutPrefix(where, "postgres:"); ok {
		c.Postgres = openPostgres(t, dsn)
	}
	c.Due = func(context.Context, time.Time) ([]queue.Key, error) { return []queue.Key{ada}, nil }
	c.Work = func(context.Context, queue.Key) error {
		fmt.Println("working")
		select {} // until it is killed
	}
	start(t, short(c))
	select {}
}
