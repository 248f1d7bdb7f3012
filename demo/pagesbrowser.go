package demo

import (
	"bufio"
	"compress/gzip"
	"context"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"lockstep/api"
)

// webBrowser is a browser that is in the console.
type webBrowser struct {
	base    string
	http    *http.Client
	cookies []*http.Cookie
}

// newWebBrowser comes in by a one-time link.
func newWebBrowser(ctx context.Context, c *api.Client) (*webBrowser, error) {
	link, err := c.ConsoleLink(ctx, "bench")
	if err != nil {
		return nil, err
	}
	at, err := url.Parse(link.URL)
	if err != nil {
		return nil, err
	}
	w := &webBrowser{base: c.Base, http: &http.Client{
		Transport:     &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 100},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	form := url.Values{"key": {at.Query().Get("key")}}
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, w.base+"/link", strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := w.http.Do(q)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if w.cookies = res.Cookies(); len(w.cookies) == 0 {
		return nil, fmt.Errorf("the console does not let the bench in: %s", res.Status)
	}
	return w, nil
}

// answered is an answer of the console.
type answered struct {
	status int
	sent   int // bytes of the body as they were sent
	text   string
	to     string // where it leads; "" is nowhere
}

func (w *webBrowser) ask(ctx context.Context, path string) (*http.Response, error) {
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, w.base+path, nil)
	if err != nil {
		return nil, err
	}
	q.Header.Set("Accept-Encoding", "gzip")
	for _, c := range w.cookies {
		q.AddCookie(c)
	}
	return w.http.Do(q)
}

// counted counts what is read through it.
type countedReader struct {
	io.Reader
	n int
}

func (c *countedReader) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n += n
	return n, err
}

// get asks for a page.
func (w *webBrowser) get(ctx context.Context, path string) (a answered, err error) {
	res, err := w.ask(ctx, path)
	if err != nil {
		return a, err
	}
	defer res.Body.Close()
	sent := &countedReader{Reader: res.Body}
	var body io.Reader = sent
	if res.Header.Get("Content-Encoding") == "gzip" {
		if body, err = gzip.NewReader(sent); err != nil {
			return a, err
		}
	}
	text, err := io.ReadAll(body)
	return answered{status: res.StatusCode, sent: sent.n, text: string(text), to: res.Header.Get("Location")}, err
}

var (
	loads = regexp.MustCompile(`(?:src|href)="(/static/[^"]+)"`)
	links = regexp.MustCompile(`<a\b[^>]*\bhref="(/[^"#]*)`)
)

// firstLoad asks for Home and everything that it loads, as a browser that has nothing yet.
func (w *webBrowser) firstLoad(ctx context.Context) (bytes, files int, err error) {
	home, err := w.get(ctx, "/")
	if err != nil {
		return 0, 0, err
	}
	bytes = home.sent
	var seen []string
	for _, m := range loads.FindAllStringSubmatch(home.text, -1) {
		if slices.Contains(seen, m[1]) {
			continue
		}
		seen = append(seen, m[1])
		a, err := w.get(ctx, m[1])
		if err != nil || a.status != http.StatusOK {
			return 0, 0, fmt.Errorf("%s answers %d: %w", m[1], a.status, err)
		}
		bytes += a.sent
	}
	return bytes, 1 + len(seen), nil
}

// crawled are the pages that there are, by route.
type crawled struct {
	order []string
	at    map[string][]string
}

// perRoute is how many pages of one route are asked for, each with other objects; mostPages bounds the crawl.
const perRoute, mostPages = 8, 600

// crawl follows every link from Home. Searches, which are forms, are added.
func (w *webBrowser) crawl(ctx context.Context, c Company) (crawled, error) {
	all := crawled{at: map[string][]string{}}
	add := func(route, path string) bool {
		known := all.at[route]
		if len(known) == 0 {
			all.order = append(all.order, route)
		}
		if len(known) >= perRoute || slices.Contains(known, path) {
			return false
		}
		all.at[route] = append(known, path)
		return true
	}
	waiting := []string{"/"}
	add("/", "/")
	for n := 0; len(waiting) > 0 && n < mostPages; n++ {
		path := waiting[0]
		waiting = waiting[1:]
		a, err := w.get(ctx, path)
		if err != nil {
			return all, fmt.Errorf("%s: %w", path, err)
		}
		found := []string{a.to}
		for _, m := range links.FindAllStringSubmatch(a.text, -1) {
			found = append(found, html.UnescapeString(m[1]))
		}
		for _, to := range found {
			if route := routeOf(to); route != "" && add(route, to) {
				waiting = append(waiting, to)
			}
		}
	}
	for _, i := range []int{0, c.People / 3, c.People / 2, c.People - 1} {
		user := c.UserName(i)
		for route, path := range map[string]string{
			"search of the log: a person": "/activity?who=" + url.QueryEscape(user),
			"search of the log: a text":   "/activity?q=" + url.QueryEscape(strings.TrimSuffix(user, "@acme.example")),
			"search of the log: an app":   "/activity?app=webex&outcome=done&q=" + url.QueryEscape("Title 1"),
			"search of an app's log":      "/apps/" + webexSlug + "?q=" + url.QueryEscape(user),
			"search of people":            "/people?q=" + url.QueryEscape("son"+fmt.Sprint(i)+"@"),
			"search of groups":            "/groups?q=" + url.QueryEscape(fmt.Sprint("Group ", i%c.Groups)),
		} {
			add(route, path)
		}
	}
	slices.Sort(all.order)
	return all, nil
}

var (
	anID   = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22,}$`)
	aSlice = []string{"/static/", "/docs/", "/sso/", "/api/"}
)

// routeOf is the route of an address, with ids as {id} and only the names of what is asked for; "" is none of the console's pages.
func routeOf(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host != "" || !strings.HasPrefix(u.Path, "/") || strings.HasPrefix(address, "//") {
		return ""
	}
	if strings.HasPrefix(u.Path, "/docs/") {
		return "/docs/{page}"
	}
	for _, other := range aSlice {
		if strings.HasPrefix(u.Path, other) {
			return ""
		}
	}
	switch {
	case strings.HasSuffix(u.Path, ".csv"), strings.HasSuffix(u.Path, ".jsonl"), strings.HasSuffix(u.Path, "/live"): // as long as they are
		return ""
	}
	parts := strings.Split(u.Path, "/")
	for i, part := range parts {
		if anID.MatchString(part) {
			parts[i] = "{id}"
		}
	}
	route := strings.Join(parts, "/")
	var asked []string
	for name := range u.Query() {
		asked = append(asked, name)
	}
	if slices.Sort(asked); len(asked) > 0 {
		route += "?" + strings.Join(asked, "&")
	}
	return route
}

// watch opens so many consoles that follow a page, until stop is called. events counts what they are sent.
func (w *webBrowser) watch(ctx context.Context, path string, n int) (stop func(), events *atomic.Int64) {
	ctx, cancel := context.WithCancel(ctx)
	events = &atomic.Int64{}
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			res, err := w.ask(ctx, path)
			if err != nil {
				return // nothing is counted
			}
			defer res.Body.Close()
			lines := bufio.NewScanner(res.Body)
			lines.Buffer(nil, 4<<20)
			for lines.Scan() {
				if lines.Text() == "" {
					events.Add(1)
				}
			}
		})
	}
	return func() {
		cancel()
		all.Wait()
	}, events
}
