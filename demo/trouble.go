package demo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"lockstep"
	"lockstep/api"
	"lockstep/webexorg"
)

// Trouble is something that goes wrong in a demo, as it does in earnest.
type Trouble struct {
	Name  string
	Title string
	Look  []string // commands that show it
	Mend  string   // how it is mended in earnest

	job   string                              // that shows it
	begin func(context.Context, *Scene) error // makes it
	shown func(Shown) bool                    // it shows
	end   func(context.Context, *Scene) error // undoes what the files do not; may be nil
}

const (
	retryAfter = 10 * time.Second        // of the answers 429
	slowness   = 1500 * time.Millisecond // of every answer
)

// How a job stands, as the API says it.
const (
	isStopped  = "quarantined"
	isRetrying = "retrying"
	isHeld     = "held"
	isWorking  = "working"

	exitLater = 75 // of what is not finished yet
)

// Troubles are all troubles, as the menu has them.
func Troubles() []Trouble {
	return []Trouble{
		{
			Name: "token", Title: "the token of Webex has ended", job: webexSlug,
			Look:  []string{"status", "app show webex", "connection test webex"},
			Mend:  "get a token and give it: lockstep connection set webex --secret-file token.txt",
			begin: endToken, shown: func(v Shown) bool { return v.Code == lockstep.CodeAuthToken && v.State == isStopped }, end: newToken,
		},
		{
			Name: "busy", Title: "Webex answers 429, with Retry-After", job: webexSlug,
			Look: []string{"status", "app show webex"}, Mend: "nothing: the job waits as long as it was told to, and goes on by itself",
			begin: func(ctx context.Context, s *Scene) error {
				fault := webexorg.Fault{Kind: webexorg.Fault429, Wait: int(retryAfter.Seconds())}
				if err := s.org.Do(ctx, http.MethodPost, "/orgs/"+s.org.id+"/faults", fault, nil); err != nil {
					return err
				}
				return s.retitle(ctx, 1)
			},
			shown: func(v Shown) bool { return v.Code == lockstep.CodeTargetRateLimited && v.State == isRetrying }, end: wellBehaved,
		},
		{
			Name: "loss", Title: "most of the company is missing in the file", job: sourceSlug,
			Look:  []string{"status", "held list people"},
			Mend:  "put the right file in place, or decide: lockstep held approve people --all, or reject",
			begin: loseMost, shown: func(v Shown) bool { return v.State == isHeld },
		},
		{
			Name: "slow", Title: "Webex takes a second and a half for every answer, and everybody gets another title", job: webexSlug,
			Look: []string{"status", "run webex"}, Mend: "nothing: it takes its time, and says how far it is",
			begin: func(ctx context.Context, s *Scene) error {
				if err := s.org.misbehave(ctx, webexorg.Knobs{Latency: slowness, Faults: []webexorg.Fault{}}); err != nil {
					return err
				}
				return s.retitle(ctx, 1<<30)
			},
			shown: func(v Shown) bool { return v.State == isWorking && strings.Contains(v.Says, " done") }, end: wellBehaved,
		},
		{
			Name: "partial", Title: "the file of people was not written to its end", job: sourceSlug,
			Look: []string{"status", "source show people"}, Mend: "write the whole file: to another name in the same folder, then rename it",
			begin: cutFile, shown: func(v Shown) bool { return v.Code == lockstep.CodeSourceTruncated && v.State == isStopped },
		},
		{
			Name: "leaver", Title: "somebody who is signed in leaves the company", job: sourceSlug,
			Look: []string{"session list", "log list webex"}, Mend: "nothing: session, tokens and account ended with the row",
			begin: leave, end: returned,
		},
	}
}

// trouble is the one of the name, or of the number in the menu.
func trouble(name string) (Trouble, error) {
	var names []string
	for i, t := range Troubles() {
		if t.Name == name || fmt.Sprint(i+1) == name {
			return t, nil
		}
		names = append(names, t.Name)
	}
	return Trouble{}, usage("There is no trouble “%s”. There are: %s.", name, strings.Join(names, ", "))
}

// Begin makes a trouble, and returns how it shows.
func (s *Scene) Begin(ctx context.Context, name string) (Shown, error) {
	t, err := trouble(name)
	if err != nil {
		return Shown{}, err
	}
	if m, on, err := s.remembered(); err != nil {
		return Shown{}, err
	} else if on {
		return Shown{}, usage("One trouble at a time: “%s” goes on. Make it well again first: lockstep demo calm.", m.Trouble)
	}
	for _, job := range []string{sourceSlug, webexSlug} {
		if _, err := s.await(ctx, job, func(v Shown) bool { return v.Exit != exitLater && v.State != isRetrying }); err != nil {
			return Shown{}, err
		}
	}
	if err := s.remember(ctx, t.Name); err != nil {
		return Shown{}, err
	}
	s.Screen.line("")
	s.Screen.line("  " + s.Screen.paint(bold, "Trouble: "+t.Title))
	began := time.Now()
	if err := t.begin(ctx, s); err != nil {
		return Shown{}, err
	}
	v, err := s.standing(ctx, t.job)
	if t.shown != nil {
		v, err = s.await(ctx, t.job, t.shown)
	}
	if err != nil {
		return v, err
	}
	v.Trouble, v.Seconds = t.Name, seconds(time.Since(began))
	s.tell(t, v)
	return v, nil
}

// tell says how a trouble shows, and what somebody may do.
func (s *Scene) tell(t Trouble, v Shown) {
	if t.shown != nil {
		mark, colour, class := "▲", red, ""
		if v.Code != "" {
			class = fmt.Sprintf(" [%s] — %s", v.Code, v.Class)
		}
		s.Screen.entry(colour, mark, v.Job, v.Says+class, len(webexSlug)+1)
		s.Screen.note(fmt.Sprintf("lockstep status ends with %d.", v.Exit))
	}
	s.Screen.text("Look at it, here or in the console:")
	for _, c := range s.commands(t.Look...) {
		s.Screen.line("       " + c)
	}
	s.Screen.text("In earnest: " + t.Mend + ".")
}

// Calm makes everything well again, and returns how the jobs stand then.
func (s *Scene) Calm(ctx context.Context) ([]Shown, error) {
	m, on, err := s.remembered()
	if err != nil {
		return nil, err
	}
	if !on {
		return nil, usage("Nothing is wrong. Make a trouble: lockstep demo trouble NAME.")
	}
	t, err := trouble(m.Trouble)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	if t.end != nil {
		if err := t.end(ctx, s); err != nil {
			return nil, err
		}
	}
	if err := s.rewrite(ctx, m.Files); err != nil {
		return nil, err
	}
	var all []Shown
	for _, job := range []string{sourceSlug, webexSlug} {
		before := m.Before[job]
		v, err := s.await(ctx, job, func(v Shown) bool { return v.State == before.State && v.Says == before.Says })
		if err != nil {
			return all, err
		}
		v.Trouble, v.Seconds = t.Name, seconds(time.Since(began))
		all = append(all, v)
		s.Screen.entry(green, "✓", job, v.Says, len(webexSlug)+1)
	}
	err = os.Remove(s.memory())
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	s.Screen.done("everything is as it was before", short(time.Since(began)))
	return all, err
}

// retitle gives the last people of the file another title, so that there is something to write.
func (s *Scene) retitle(ctx context.Context, n int) error {
	return s.edit(ctx, func(r *roster) error {
		rows := r.people.rows
		for _, row := range rows[max(0, len(rows)-n):] {
			if err := r.people.set(row[0], "title", strings.TrimSuffix(r.people.get(row, "title"), " (new)")+" (new)"); err != nil {
				return err
			}
		}
		return nil
	})
}

// endToken ends the token that Lockstep has, and makes something to write with it.
func endToken(ctx context.Context, s *Scene) error {
	if err := s.org.Do(ctx, http.MethodDelete, "/orgs/"+s.org.id+"/tokens", nil, nil); err != nil {
		return err
	}
	return s.retitle(ctx, 1)
}

// newToken gives Lockstep another token.
func newToken(ctx context.Context, s *Scene) error {
	var issued struct {
		Token string `json:"token"`
	}
	if err := s.org.Do(ctx, http.MethodPost, "/orgs/"+s.org.id+"/tokens", struct{}{}, &issued); err != nil {
		return err
	}
	_, err := s.Client.SetConnection(ctx, webexSlug, api.ConnectionChange{Secrets: map[string]string{"token": issued.Token}})
	return err
}

// wellBehaved takes all faults away and turns every knob back.
func wellBehaved(ctx context.Context, s *Scene) error {
	return errors.Join(s.org.Do(ctx, http.MethodDelete, "/orgs/"+s.org.id+"/faults", nil, nil), s.org.misbehave(ctx, webexorg.Knobs{Faults: []webexorg.Fault{}}))
}

// loseMost leaves a quarter of the rows.
func loseMost(ctx context.Context, s *Scene) error {
	return s.edit(ctx, func(r *roster) error {
		for _, row := range slices.Clone(r.people.rows[len(r.people.rows)/4:]) {
			if err := r.remove(row[0]); err != nil {
				return err
			}
		}
		return nil
	})
}

// cutFile leaves the first half of the file of people, which ends inside of a row.
func cutFile(ctx context.Context, s *Scene) error {
	text, err := os.ReadFile(s.file("people.csv"))
	if err != nil {
		return err
	}
	half := text[:len(text)/2]
	half = half[:strings.LastIndexByte(strings.TrimRight(string(half), "\n"), '\n')+10]
	return s.rewrite(ctx, map[string]string{"people.csv": string(half)})
}
