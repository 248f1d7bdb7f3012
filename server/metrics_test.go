package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"lockstep/api"
	"lockstep/e2e/parts"
	"lockstep/server"
	"lockstep/store"
)

var update = flag.Bool("update", false, "write docs/metrics.md")

const metricsPage = "../docs/metrics.md"

// TestMetricsPage: the page lists the metrics that there are.
func TestMetricsPage(t *testing.T) {
	var b strings.Builder
	b.WriteString("# Metrics\n\nMade by `make docs`. `lockstep serve --metrics-listen 127.0.0.1:9420` tells them at `/metrics`, in the text form of Prometheus, to whoever\n" +
		"reaches that address, or, with `--metrics-token-file FILE`, to whoever sends the token in that file (`authorization: {credentials_file: …}` of Prometheus). They name\n" +
		"tenants, apps and error codes, and no person. What is not a counter or a histogram is read when it is asked for.\n" +
		"Beside these are those of the Go runtime and of the process.\n\nAlert rules are in `packaging/prometheus`, a dashboard for Grafana in `packaging/grafana`.\n\n" +
		"| metric | labels | what it is |\n| --- | --- | --- |\n")
	for _, m := range server.Metrics() {
		labels := "–"
		if len(m.Labels) > 0 {
			labels = "`" + strings.Join(m.Labels, "` `") + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", m.Name, labels, m.Help)
	}
	if *update {
		if err := os.WriteFile(metricsPage, []byte(b.String()), 0o644); err != nil { //nolint:gosec // a page
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(metricsPage)
	if err != nil || string(got) != b.String() {
		t.Errorf("%s is not what make docs writes: %v", metricsPage, err)
	}
}

// TestMetrics: a scrape has every metric of the table and no other of ours, in the form that Prometheus reads, and no name of a person.
func TestMetrics(t *testing.T) {
	n, err := server.Open(t.Context(), server.Config{SQLite: filepath.Join(t.TempDir(), "lockstep.db"), Key: store.NewKey(), Local: "local", Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	address := parts.Address(t)
	if err := n.ListenMetrics(t.Context(), address, "scraper"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- n.Run(ctx) }()
	client := &api.Client{Base: "http://lockstep", Token: "local", HTTP: api.Local(n.Handler())}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err = client.CreateApp(t.Context(), api.NewSystem{Kind: "scimapp", Slug: "crm", Settings: map[string]string{"url": "https://crm.acme.example/scim"}})
	must(err)
	_, err = client.CreateToken(t.Context(), api.NewToken{Name: "Ada's token", Kind: "scim", Scopes: "scim:write", Days: 30})
	must(err)
	scrape := func() string {
		t.Helper()
		q, err := http.NewRequest(http.MethodGet, "http://"+address+"/metrics", nil)
		must(err)
		q.Header.Set("Authorization", "Bearer scraper")
		res, err := http.DefaultClient.Do(q)
		must(err)
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		must(err)
		return string(text)
	}
	text := scrape()
	for end := time.Now().Add(10 * time.Second); !strings.Contains(text, `surface="api"`) && time.Now().Before(end); text = scrape() {
		time.Sleep(10 * time.Millisecond) // the answer is there before the handler has ended
	}
	for _, want := range []string{
		`lockstep_job_state{direction="outbound",job="crm",state="unread",tenant="default"} 1`, `lockstep_job_held{job="crm",tenant="default"} 0`,
		`lockstep_build_info{version="test"} 1`, `surface="api"`, `name="token `,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the scrape lacks %s", want)
		}
	}
	if res, err := http.Get("http://" + address + "/metrics"); err != nil || res.StatusCode != http.StatusUnauthorized {
		t.Errorf("who has no token gets the metrics: %v, %v", res, err)
	}
	if strings.Contains(text, "Ada") {
		t.Error("a metric names a person")
	}
	var told []string
	for _, m := range regexp.MustCompile(`(?m)^# TYPE (lockstep_\w+) `).FindAllStringSubmatch(text, -1) {
		told = append(told, m[1])
	}
	// What there is only once a cycle has ended or something fails is told apart.
	later := []string{"lockstep_job_failing", "lockstep_job_cycle_end_timestamp_seconds", "lockstep_job_cycle_objects", "lockstep_job_next_run_timestamp_seconds"}
	for _, m := range server.Metrics() {
		if !slices.Contains(told, m.Name) && !slices.Contains(later, m.Name) {
			t.Errorf("%s is not told", m.Name)
		}
		told = slices.DeleteFunc(told, func(name string) bool { return name == m.Name })
	}
	if len(told) > 0 {
		t.Errorf("told, and not in the table: %v", told)
	}
	if res, err := http.Get("http://" + address + "/api/v1/version"); err != nil || res.StatusCode != http.StatusNotFound {
		t.Errorf("the address of the metrics answers more than metrics: %v, %v", res, err)
	}
	cancel()
	must(<-ran)
	must(n.Close())
	promtool := parts.Need(t, "promtool")
	check := exec.CommandContext(t.Context(), promtool, "check", "metrics")
	check.Stdin = strings.NewReader(text)
	if out, err := check.CombinedOutput(); err != nil {
		t.Errorf("promtool: %v\n%s", err, out)
	}
}

// TestRules: Prometheus takes the alert rules, and they and the dashboard speak of metrics that there are.
func TestRules(t *testing.T) {
	known := map[string]bool{}
	for _, m := range server.Metrics() {
		known[m.Name] = true
	}
	for _, file := range []string{"../packaging/prometheus/lockstep-alerts.yml", "../packaging/grafana/lockstep.json"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		used := map[string]bool{}
		for _, name := range regexp.MustCompile(`lockstep_\w+`).FindAllString(string(text), -1) {
			name = strings.TrimSuffix(strings.TrimSuffix(name, "_bucket"), "_count")
			used[name] = true
			if !known[name] {
				t.Errorf("%s speaks of %s, which there is not", file, name)
			}
		}
		if strings.HasSuffix(file, ".json") {
			if !json.Valid(text) {
				t.Errorf("%s is no JSON", file)
			}
			for name := range known {
				if !used[name] {
					t.Errorf("the dashboard does not show %s", name)
				}
			}
		}
	}
	promtool := parts.Need(t, "promtool")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, promtool, "check", "rules", "../packaging/prometheus/lockstep-alerts.yml").CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("9 rules found")) {
		t.Errorf("promtool: %v\n%s", err, out)
	}
}
