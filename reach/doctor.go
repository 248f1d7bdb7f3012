package reach

import (
	"archive/tar"
	"cmp"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"lockstep"
	"lockstep/api"
	"lockstep/operate"
	"lockstep/server"
)

// Finding is one thing that was looked at.
type Finding struct {
	What string `json:"what"`
	OK   bool   `json:"ok"`
	Says string `json:"says"`
	Hint string `json:"hint,omitempty"`
}

// Findings are what was found out.
type Findings []Finding

// Well reports whether everything is.
func (f Findings) Well() bool { return !slices.ContainsFunc(f, func(f Finding) bool { return !f.OK }) }

func (f *Findings) add(what string, err error, says string) {
	one := Finding{What: what, OK: err == nil, Says: says}
	if err != nil {
		one.Says, one.Hint = api.Sentence(err), lockstep.Describe(lockstep.CodeOf(err)).Help
	}
	*f = append(*f, one)
}

// skew is how far clocks may be apart: leases, back-offs and ends of tokens are told by them.
const skew = 5 * time.Second

// clock says how far the clock of this machine is ahead of another.
func (f *Findings) clock(of string, ahead time.Duration) {
	var err error
	if ahead.Abs() > skew {
		word := "ahead of"
		if ahead < 0 {
			word = "behind"
		}
		err = &lockstep.Error{Code: lockstep.CodeUsage, Detail: fmt.Sprintf("The clock of this machine is %s %s %s: let both follow a time server.", ahead.Abs().Round(time.Second), word, of)}
	}
	f.add("clock", err, "within "+max(ahead.Abs(), time.Second).Round(time.Second).String()+" of "+of)
}

// pooler says what a pooler before PostgreSQL keeps from arriving there.
func (f *Findings) pooler(p server.Pooler) {
	if !p.There {
		return
	}
	var err error
	if len(p.Lacks) > 0 {
		err = &lockstep.Error{Code: lockstep.CodeStorePooled, Detail: "The pooler before PostgreSQL passes no parameters on, and these are not set for the role: " + strings.Join(p.Lacks, ", ") + "."}
	}
	f.add("pooler", err, "before PostgreSQL; what another node changes is found within a second")
}

// mib is a size as people read it.
func mib(bytes int64) string {
	if bytes < 10<<30 {
		return fmt.Sprintf("%d MiB", (bytes+1<<19)>>20)
	}
	return fmt.Sprintf("%d GiB", bytes>>30)
}

// disk says whether there is room for a copy of the database, as an upgrade and a backup make it.
func (f *Findings) disk(folder, database string) {
	free, known := server.FreeBytes(folder)
	if !known {
		return
	}
	var err error
	if needs := server.DatabaseBytes(database); free < needs {
		err = &lockstep.Error{Code: lockstep.CodeUsage, Detail: fmt.Sprintf(
			"There is %s free in %s, and the database takes %s: an upgrade, which keeps a copy of it, would not begin.", mib(free), folder, mib(needs))}
	}
	f.add("disk", err, mib(free)+" free, room for a copy of the database")
}

// kept says which copies upgrades have left. They do no harm but take room.
func (f *Findings) kept(database string) {
	all, err := server.KeptBefore(database)
	var names []string
	var bytes int64
	for _, k := range all {
		names, bytes = append(names, k.Path), bytes+k.Bytes
	}
	if err != nil || len(all) > 0 {
		f.add("copies", err, fmt.Sprintf("of before upgrades, %s; remove what is needed no more: %s", mib(bytes), strings.Join(names, " ")))
	}
}

// Examine looks at what is on this machine. It may run beside a server and changes nothing.
func (p *Place) Examine(ctx context.Context) (all Findings, err error) {
	folder, err := p.Folder()
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(folder)
	switch {
	case err != nil:
		err = Unfounded(folder)
	case runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0:
		err = &lockstep.Error{Code: lockstep.CodeUsage, Detail: fmt.Sprintf("The data folder %s is open to others: chmod 700 it.", folder)}
	}
	all.add("data folder", err, folder)
	if err != nil {
		return all, nil //nolint:nilerr // it was said
	}
	config, err := p.Database(folder)
	if err != nil {
		return nil, err
	}
	s, err := server.Schema(ctx, config)
	if err == nil && s.Current > s.Newest {
		err = &lockstep.Error{Code: lockstep.CodeSchemaNewer}
	}
	says := fmt.Sprintf("%d, as this program has it", s.Current)
	if s.Current < s.Newest {
		says = fmt.Sprintf("%d; the next start of this program brings it to %d", s.Current, s.Newest)
	}
	all.add("schema", err, says)
	if err == nil && config.Postgres != "" {
		all.clock("the clock of the database", s.Ahead)
		all.pooler(s.Pooler)
	}
	if config.SQLite == "" || err != nil || s.Current == 0 {
		return all, nil //nolint:nilerr // it was said
	}
	all.disk(folder, config.SQLite)
	all.kept(config.SQLite)
	held, err := server.Inspect(ctx, config.SQLite)
	all.add("database", err, fmt.Sprintf("whole: %d users, %d groups, %d jobs", held.Users, held.Groups, held.Jobs))
	if err != nil {
		return all, nil //nolint:nilerr // it was said
	}
	key, err := p.Key()
	if err == nil && held.KeyID != "" && !key.Has(held.KeyID) {
		err = &lockstep.Error{Code: lockstep.CodeKeyMissing, Detail: "The secrets are sealed with the key " + held.KeyID + ", which is not here."}
	}
	all.add("key", err, "is here: "+cmp.Or(held.KeyID, "none is needed yet"))
	return all, nil
}

// Examine asks the server, or the data folder where none runs. What it found is added to what is known already; unreached is why there is no
// server to ask.
func (s *Server) Examine(ctx context.Context, all *Findings, unreached error) ([]api.Job, []api.Notification) {
	err := unreached
	var v api.Version
	if err == nil {
		v, err = s.Client.Version(ctx)
	}
	if err == nil && !s.Runs() {
		err = &lockstep.Error{Code: lockstep.CodeUnreachable, Detail: "No server runs: nothing happens by itself."}
	}
	says := "answers, version " + v.Version
	if v.Version != "" && v.Version != Version() {
		says += "; this command is version " + Version()
	}
	all.add("server", err, says)
	if unreached != nil || v.Version == "" {
		return nil, nil
	}
	jobs, err := s.Client.Jobs(ctx)
	if err != nil {
		all.add("jobs", err, "")
	}
	for _, j := range jobs {
		f := Finding{What: "job " + j.Slug, OK: true, Says: j.Says()}
		if j.Standing != nil {
			f.OK = j.Standing.Exit == operate.ExitInStep || j.Standing.Exit == operate.ExitLater
		}
		*all = append(*all, f)
	}
	n, err := s.Client.Notifications(ctx)
	stuck := n.Undelivered()
	if err == nil && stuck > 0 {
		err = &lockstep.Error{Code: lockstep.CodeMailDeferred, Detail: fmt.Sprintf("The last messages to %d recipients have not gone.", stuck)}
	}
	all.add("notifications", err, "nothing is left undelivered")
	return jobs, n.Messages
}

// bundled is a job as a bundle has it: of its settings only the names.
type bundled struct {
	Slug, Direction, Mode, State, Kind string
	Standing                           any
	Code                               lockstep.Code
	Settings, Secrets                  []string
	Config                             int64
	NextRun                            *time.Time
}

// bundledMessage is a message without whom it goes to and what it says.
type bundledMessage struct {
	Outlet, State string
	Tries         int
	Created       time.Time
	Code          lockstep.Code
}

// Bundle writes a new file that a supporter can read. What goes in is chosen field by field, so that a field which is added elsewhere stays
// out.
func (f Findings) Bundle(to string, jobs []api.Job, messages []api.Notification) (err error) {
	out := map[string]any{}
	out["doctor.json"] = f
	shown := []bundled{}
	for _, j := range jobs {
		b := bundled{
			Slug: j.Slug, Direction: j.Direction, Mode: j.Mode, State: j.State, Kind: j.Connection.Kind, Code: j.Code, Config: j.Config, NextRun: j.NextRun,
			Settings: slices.Sorted(maps.Keys(j.Connection.Settings)), Secrets: j.Connection.Secrets,
		}
		if j.Standing != nil {
			b.Standing = j.Standing.Value
		}
		shown = append(shown, b)
	}
	out["jobs.json"] = shown
	told := []bundledMessage{}
	for _, m := range messages {
		told = append(told, bundledMessage{m.Outlet, m.State, m.Tries, m.Created, m.Code})
	}
	out["notifications.json"] = told
	out["program.json"] = map[string]string{"version": Version(), "go": runtime.Version(), "system": runtime.GOOS + "/" + runtime.GOARCH}
	file, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return usage("The bundle cannot be written: " + err.Error() + ".")
	}
	zip := gzip.NewWriter(file)
	archive := tar.NewWriter(zip)
	for _, name := range slices.Sorted(maps.Keys(out)) {
		text, err := json.MarshalIndent(out[name], "", "  ")
		if err == nil {
			err = archive.WriteHeader(&tar.Header{Name: "lockstep-doctor/" + name, Mode: 0o600, Size: int64(len(text)), ModTime: time.Now()})
		}
		if err == nil {
			_, err = archive.Write(text)
		}
		if err != nil {
			return errors.Join(err, file.Close())
		}
	}
	return errors.Join(archive.Close(), zip.Close(), file.Close())
}
