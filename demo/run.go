package demo

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"golang.org/x/sync/errgroup"

	"lockstep/api"
	"lockstep/webexorg"
)

// Demo is `lockstep demo`: a sample company, a Webex organisation that runs in this process, and the main job from one to the
// other, step by step. It drives a server that somebody else has started.
type Demo struct {
	Client  *api.Client
	Files   string // the folder that the server's file sources read
	Journal string // file in which the organisation is kept; "" keeps nothing
	People  int    // 0 is the sample company; more make a company by rule
	Screen  Screen
	Ask     io.Reader // whom to wait for before plans are applied; nil waits for nobody
	// Stay is called at the end with the organisation and with what is typed, and returns when nobody looks any more. Nil ends at once.
	Stay func(ctx context.Context, o *org, lines <-chan string) error
}

// Counts is what one phase of the demo did, in objects.
type Counts struct {
	Created        int     `json:"created"`
	Linked         int     `json:"linked"`
	Updated        int     `json:"updated"`
	Disabled       int     `json:"disabled"`
	Deleted        int     `json:"deleted"`
	Referred       int     `json:"referred"` // objects of which only references were written: members, managers
	Skipped        int     `json:"skipped"`
	Failed         int     `json:"failed"`
	Held           int     `json:"held"`
	Unchanged      int     `json:"unchanged"`
	Seconds        float64 `json:"seconds"`
	TargetRequests int     `json:"target_requests"` // as the organisation counted them
}

// add adds what a cycle did.
func (n *Counts) add(c api.Cycle) {
	n.Created += c.Counts.Created
	n.Linked += c.Counts.Linked
	n.Updated += c.Counts.Updated
	n.Disabled += c.Counts.Disabled
	n.Deleted += c.Counts.Deleted
	n.Referred += c.Counts.Referred
	n.Skipped += c.Counts.Skipped
	n.Failed += c.Counts.Failed
	n.Held += c.Counts.Held
	n.Unchanged += c.Counts.Unchanged
}

// Report is the result of the demo.
type Report struct {
	People        int               `json:"people"` // in the CSV files
	Groups        int               `json:"groups"`
	ImportSeconds float64           `json:"import_seconds"` // from the CSV files into the directory
	Phases        map[string]Counts `json:"phases"`         // initial and incremental
	Mismatches    int               `json:"mismatches"`     // between the organisation and what the company's design says, after either phase
	MismatchFirst []string          `json:"mismatch_samples,omitempty"`
}

// ErrMismatch is the error of a demo whose organisation is not as the company's design says.
var ErrMismatch = errors.New("the organisation is not as it should be")

// play is one demo under way.
type play struct {
	Demo
	report    Report
	story     story
	roster    *roster
	design    design
	want      *expectation
	universe  *universe
	org       *org
	questions chan string
}

// Run plays the demo. The report is complete only when the error is nil or ErrMismatch.
func (d Demo) Run(ctx context.Context) (Report, error) {
	p := &play{Demo: d, story: sampleStory()}
	if d.People > 0 {
		p.story = companyStory(Company{People: d.People, Groups: max(1, d.People/50)})
	}
	p.report.Phases = map[string]Counts{}
	if d.Ask != nil {
		p.questions = readLines(d.Ask)
	}
	err := p.withOrganisation(ctx, func(ctx context.Context) error {
		err := p.steps(ctx)
		if err != nil || d.Stay == nil {
			return err
		}
		return d.Stay(ctx, p.org, p.questions)
	})
	if err == nil && p.report.Mismatches > 0 {
		err = ErrMismatch
	}
	return p.report, err
}

// withOrganisation runs f while a Webex organisation answers on loopback.
func (p *play) withOrganisation(ctx context.Context, f func(context.Context) error) error {
	control := rand.Text()
	u, err := webexorg.New(webexorg.Config{Control: control, Journal: p.Journal})
	if err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return errors.Join(err, u.Close())
	}
	p.universe = universeAt("http://"+listener.Addr().String(), control)
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	var all errgroup.Group
	all.Go(func() error { return u.Serve(serving, listener) })
	if p.org, err = p.universe.add(ctx, webexorg.OrgConfig{Name: "Acme Robotics", Domains: []string{"acme.example"}, Enforce: true}); err == nil {
		if err = p.story.settle(ctx, u.Org(p.org.id)); err == nil {
			err = f(ctx)
		}
	}
	stop()
	p.universe.HTTP.CloseIdleConnections()
	return errors.Join(err, all.Wait(), u.Close())
}

// steps is the main job.
func (p *play) steps(ctx context.Context) error {
	p.Screen.line("")
	p.Screen.line("  " + p.Screen.paint(bold, "Lockstep demo") + p.Screen.paint(faint, "   everything runs on this machine; nothing leaves it"))
	for _, step := range []func(context.Context) error{
		p.company, p.application, p.settings, p.plan, p.explain, p.change,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// ask waits until somebody presses Enter, if there is somebody.
func (p *play) ask(ctx context.Context, what string) error {
	if p.questions == nil {
		return nil
	}
	s := p.Screen
	fmt.Fprint(s.Out, "\n"+fmt.Sprintf("%*s", margin, "")+s.paint(cyan, "↵")+" Enter "+what+" ")
	select {
	case <-p.questions:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// readLines reads lines until there are no more; then the channel is closed. It ends with the program at the latest: a
// terminal cannot be told that nobody listens.
func readLines(r io.Reader) chan string {
	lines := make(chan string)
	go func() {
		defer close(lines)
		for in := bufio.NewScanner(r); in.Scan(); {
			lines <- in.Text()
		}
	}()
	return lines
}

// check compares the organisation with what is expected, and tells.
func (p *play) check(ctx context.Context) error {
	h, err := p.org.read(ctx)
	if err != nil {
		return err
	}
	m := p.want.compare(h)
	p.report.Mismatches += m.count
	p.report.MismatchFirst = append(p.report.MismatchFirst, m.first...)
	if m.count == 0 {
		p.Screen.done(fmt.Sprintf("read back: all %d accounts and %d groups are as the company's design says", len(p.want.people), len(p.want.groups)), "")
		return nil
	}
	p.Screen.failed(fmt.Sprintf("%d differences from the company's design", m.count), "")
	for _, line := range m.first {
		p.Screen.text(line)
	}
	return nil
}

// short is a duration for people.
func short(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}
