package main

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"runtime"
	"slices"
	"time"

	"lockstep"
	"lockstep/api"
	"lockstep/reach"
	"lockstep/server"
)

type doctorCmd struct {
	Bundle string `placeholder:"FILE" help:"Also write what a supporter needs into this file: how everything stands, without secrets, names of people or values of settings."`
}

// finding is one thing that was looked at.
type finding struct {
	What string `json:"what"`
	OK   bool   `json:"ok"`
	Says string `json:"says"`
	Hint string `json:"hint,omitempty"`
}

// findings are what doctor has found out.
type findings []finding

func (f *findings) add(what string, err error, says string) {
	one := finding{What: what, OK: err == nil, Says: says}
	if err != nil {
		entry := lockstep.Describe(lockstep.CodeOf(err))
		one.Says, one.Hint = messageOf(err, entry), entry.Help
	}
	*f = append(*f, one)
}

// Run looks at the data folder, the database, the key, the server and the jobs. It ends with 3 when something is not well.
func (d *doctorCmd) Run(c *cli) error {
	var all findings
	if c.Server == "" {
		if err := d.here(c, &all); err != nil {
			return err
		}
	}
	jobs, notices := d.there(c, &all)
	if d.Bundle != "" {
		if err := bundle(d.Bundle, all, jobs, notices); err != nil {
			return err
		}
	}
	err := c.show(all, func(w io.Writer) {
		for _, f := range all {
			printf(w, "%s %s\t%s\n", c.tick(f.OK), f.What, f.Says)
			if f.Hint != "" {
				printf(w, "\t%s\n", f.Hint)
			}
		}
		if d.Bundle != "" {
			c.say("Wrote %s. Look at it before you send it: it has names of apps and sources, and error codes.", d.Bundle)
		}
	})
	if err == nil && slices.ContainsFunc(all, func(f finding) bool { return !f.OK }) {
		return &outcome{code: exitSome, text: "something is not well"}
	}
	return err
}

// here looks at what is on this machine. It may run beside a server and changes nothing.
func (d *doctorCmd) here(c *cli, all *findings) error {
	folder, err := c.place.Folder()
	if err != nil {
		return err
	}
	info, err := os.Stat(folder)
	switch {
	case err != nil:
		err = unfounded(folder)
	case runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0:
		err = &lockstep.Error{Code: lockstep.CodeUsage, Detail: fmt.Sprintf("The data folder %s is open to others: chmod 700 it.", folder)}
	}
	all.add("data folder", err, folder)
	if err != nil {
		return nil //nolint:nilerr // it was said
	}
	config, err := c.place.Database(folder)
	if err != nil {
		return err
	}
	s, err := server.Schema(c.ctx, config)
	if err == nil && s.Current > s.Newest {
		err = &lockstep.Error{Code: lockstep.CodeSchemaNewer}
	}
	all.add("schema", err, fmt.Sprintf("%d of %d", s.Current, s.Newest))
	if config.SQLite == "" || err != nil || s.Current == 0 {
		return nil //nolint:nilerr // it was said
	}
	held, err := server.Inspect(c.ctx, config.SQLite)
	all.add("database", err, fmt.Sprintf("whole: %d users, %d groups, %d jobs", held.Users, held.Groups, held.Jobs))
	if err != nil {
		return nil //nolint:nilerr // it was said
	}
	key, err := c.place.Key()
	if err == nil && held.KeyID != "" && !key.Has(held.KeyID) {
		err = &lockstep.Error{Code: lockstep.CodeKeyMissing, Detail: "The secrets are sealed with the key " + held.KeyID + ", which is not here."}
	}
	all.add("key", err, "is here: "+either(held.KeyID, "none is needed yet"))
	return nil
}

// there asks the server, or the data folder where none runs.
func (d *doctorCmd) there(c *cli, all *findings) ([]api.Job, []api.Notification) {
	client, err := c.client()
	var v api.Version
	if err == nil {
		v, err = client.Version(c.ctx)
	}
	if err == nil && !c.server.Runs() {
		err = &lockstep.Error{Code: lockstep.CodeUnreachable, Detail: "No server runs: nothing happens by itself."}
	}
	all.add("server", err, "answers, version "+v.Version)
	if client == nil || v.Version == "" {
		return nil, nil
	}
	jobs, err := client.Jobs(c.ctx)
	if err != nil {
		all.add("jobs", err, "")
	}
	for _, j := range jobs {
		f := finding{What: "job " + j.Slug, OK: true, Says: saysOf(&j)}
		if j.Standing != nil {
			f.OK = j.Standing.Exit == exitDone || j.Standing.Exit == exitTimeout
		}
		*all = append(*all, f)
	}
	n, err := client.Notifications(c.ctx)
	stuck := undelivered(n.Messages)
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

// bundle writes a new file that a supporter can read. What goes in is chosen field by field, so that a field which is added elsewhere stays
// out.
func bundle(to string, all findings, jobs []api.Job, messages []api.Notification) (err error) {
	out := map[string]any{}
	out["doctor.json"] = all
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
	out["program.json"] = map[string]string{"version": reach.Version(), "go": runtime.Version(), "system": runtime.GOOS + "/" + runtime.GOARCH}
	f, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return usage("The bundle cannot be written: %v.", err)
	}
	zip := gzip.NewWriter(f)
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
			return errors.Join(err, f.Close())
		}
	}
	return errors.Join(archive.Close(), zip.Close(), f.Close())
}
