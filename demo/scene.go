package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"lockstep"
	"lockstep/api"
	"lockstep/server"
)

// Scene is a demo that is up: its server, its files and its Webex organisation, in which troubles can be made. It is found by the folder of the
// demo, so that another process can make them.
type Scene struct {
	Dir    string // of the demo
	Client *api.Client
	Screen Screen

	org *org
}

// sceneCard is what a demo that is up leaves in its folder, beside the card of its server: how to reach its organisation.
type sceneCard struct {
	Webex   string `json:"webex"`
	Control string `json:"control"`
	Org     string `json:"org"`
}

const (
	sceneFile     = "demo.json"
	folderPattern = "lockstep-demo-" // of folders that go with their demo
)

func (p place) scene() string { return filepath.Join(p.dir, sceneFile) }

// data is the data folder of the demo.
func (s *Scene) data() string { return place{dir: s.Dir}.data() }

// file is one of the company's files.
func (s *Scene) file(name string) string { return filepath.Join(place{dir: s.Dir}.files(), name) }

// FindScene finds a demo that is up by its folder; without one the only one of this machine.
func FindScene(dir string) (*Scene, error) {
	if dir == "" {
		all, err := filepath.Glob(filepath.Join(os.TempDir(), folderPattern+"*", sceneFile))
		if err != nil {
			return nil, err
		}
		all = slices.DeleteFunc(all, func(path string) bool { return !ownFolder(filepath.Dir(path)) })
		if len(all) != 1 {
			return nil, usage("%d demos are up in %s: name the folder of one with --keep, or begin one: lockstep demo.", len(all), os.TempDir())
		}
		dir = filepath.Dir(all[0])
	}
	text, err := os.ReadFile(place{dir: dir}.scene())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, usage("No demo is up in %s.", dir)
	}
	var card sceneCard
	if err == nil {
		err = json.Unmarshal(text, &card)
	}
	if err != nil {
		return nil, fmt.Errorf("read the card of the demo: %w", err)
	}
	k, err := server.ReadCard(place{dir: dir}.data())
	if err != nil {
		return nil, usage("No demo is up in %s.", dir)
	}
	return &Scene{
		Dir: dir, Client: &api.Client{Base: k.Address, Token: k.Token}, Screen: Screen{Out: io.Discard},
		org: &org{universe: universeAt(card.Webex, card.Control), id: card.Org},
	}, nil
}

// ownFolder reports whether a folder is closed to everybody else, as those of demos are: what others have put into /tmp is not followed.
func ownFolder(dir string) bool {
	info, err := os.Lstat(dir)
	return err == nil && info.IsDir() && info.Mode().Perm()&0o077 == 0
}

// open leaves the card of a demo whose server and organisation are up.
func (s *Scene) open() error {
	text, err := json.Marshal(sceneCard{Webex: s.org.Address, Control: s.org.Token, Org: s.org.id})
	if err != nil {
		return err
	}
	return os.WriteFile(place{dir: s.Dir}.scene(), text, 0o600)
}

// Shown is how a job stands, as status, the console and the API tell it.
type Shown struct {
	Trouble string         `json:"trouble"`
	Job     string         `json:"job"`
	State   string         `json:"state"` // as a value
	Says    string         `json:"says"`
	Exit    int            `json:"exit"` // of lockstep status
	Code    lockstep.Code  `json:"code,omitempty"`
	Class   lockstep.Class `json:"class,omitempty"`
	Seconds float64        `json:"seconds"` // until it showed
}

// standing is how a job stands now, and the code of what is the matter.
func (s *Scene) standing(ctx context.Context, job string) (Shown, error) {
	j, err := s.Client.Job(ctx, job)
	if err != nil {
		return Shown{}, err
	}
	v := Shown{Job: job, Code: j.Code}
	if st := j.Standing; st != nil {
		v.State, v.Says, v.Exit = string(st.Value), st.Says, st.Exit
		if v.Code == "" {
			v.Code = st.Code
		}
	}
	if v.Code != "" {
		v.Class = lockstep.Describe(v.Code).Class
	}
	return v, nil
}

// await waits until a job stands as is wanted.
func (s *Scene) await(ctx context.Context, job string, wanted func(Shown) bool) (Shown, error) {
	ctx, stop := context.WithTimeout(ctx, patience)
	defer stop()
	tick := time.NewTicker(look)
	defer tick.Stop()
	for {
		v, err := s.standing(ctx, job)
		if err == nil && wanted(v) {
			return v, nil
		}
		if err != nil && ctx.Err() == nil {
			return v, err
		}
		select {
		case <-ctx.Done():
			return v, fmt.Errorf("%s does not stand as expected; it says: %s", job, v.Says)
		case <-tick.C:
		}
	}
}

// memory is what a trouble leaves in the folder of the demo, so that any process can make things well again.
type memory struct {
	Trouble string            `json:"trouble"`
	Files   map[string]string `json:"files,omitempty"` // as they were
	Before  map[string]Shown  `json:"before"`          // how the jobs stood
}

func (s *Scene) memory() string { return filepath.Join(s.Dir, "trouble.json") }

// remember keeps what is to come back.
func (s *Scene) remember(ctx context.Context, trouble string) error {
	m := memory{Trouble: trouble, Files: map[string]string{}, Before: map[string]Shown{}}
	for _, name := range []string{"people.csv", "groups.csv", "memberships.csv"} {
		text, err := os.ReadFile(s.file(name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		m.Files[name] = string(text)
	}
	for _, job := range []string{sourceSlug, webexSlug} {
		v, err := s.standing(ctx, job)
		if err != nil {
			return err
		}
		m.Before[job] = v
	}
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return os.WriteFile(s.memory(), text, 0o600)
}

// remembered is what was kept; ok is false when nothing is wrong.
func (s *Scene) remembered() (m memory, ok bool, err error) {
	text, err := os.ReadFile(s.memory())
	if errors.Is(err, fs.ErrNotExist) {
		return m, false, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &m)
	}
	return m, err == nil, err
}

// rewrite puts files in place, each whole or not at all, and has the source read them.
func (s *Scene) rewrite(ctx context.Context, files map[string]string) error {
	for _, name := range slices.Sorted(maps.Keys(files)) {
		path := s.file(name)
		if err := os.WriteFile(path+".new", []byte(files[name]), 0o600); err != nil {
			return err
		}
		if err := os.Rename(path+".new", path); err != nil {
			return err
		}
	}
	_, err := s.Client.Run(ctx, sourceSlug)
	return err
}

// edit changes the company's files.
func (s *Scene) edit(ctx context.Context, f func(*roster) error) error {
	r, err := readRoster(place{dir: s.Dir}.files())
	if err != nil {
		return err
	}
	if err := f(r); err != nil {
		return err
	}
	if err := r.write(); err != nil {
		return err
	}
	_, err = s.Client.Run(ctx, sourceSlug)
	return err
}

// newcomer is the last person of the file, whom nothing else depends on.
func newcomer(r *roster) (id, userName string, err error) {
	if len(r.people.rows) == 0 {
		return "", "", errors.New("nobody is in people.csv")
	}
	row := r.people.rows[len(r.people.rows)-1]
	return row[0], r.people.get(row, "userName"), nil
}

// commands are what shows how the demo stands, as somebody types them in another terminal.
func (s *Scene) commands(each ...string) []string {
	var all []string
	for _, c := range each {
		all = append(all, fmt.Sprintf("lockstep --data %s %s", quoted(s.data()), c))
	}
	return all
}

// quoted is a path as a shell takes it.
func quoted(path string) string {
	if strings.ContainsAny(path, " '\"$&;()<>|\\*?`") {
		return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
	}
	return path
}
