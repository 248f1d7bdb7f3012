package operate

import (
	"context"
	"io"
	"slices"

	"lockstep"
	"lockstep/audit"
	"lockstep/provision"
)

// Files keeps the files that the file sources of the tenants read.
type Files interface {
	// Put puts a file in the place of the one of that name, whole or not at all, and returns its size in bytes. A body with more than
	// most bytes gives lockstep.CodeSourceLimit and leaves what is there.
	Put(ctx context.Context, t lockstep.TenantID, name string, body io.Reader, most int64) (int64, error)
	// Left reports whether there are files where those of a tenant with the short name would be.
	Left(slug string) (bool, error)
}

// MaxSourceFile is how many bytes a file that somebody sends may have. Larger ones are put into the folder by hand.
const MaxSourceFile = 64 << 20

// fileKind is the kind of connection that reads files.
const fileKind = "csvfile"

// fileSettings are the settings that name a file of the source.
var fileSettings = []string{"people", "groups", "memberships"}

// PutSourceFile puts a file where a file source reads it. Which is the setting that names it: people, groups or memberships. Nothing
// but what the source's own settings name can be written. A source that is turned on reads the file by itself.
func (o *Operator) PutSourceFile(ctx context.Context, p Principal, source, which string, body io.Reader) (size int64, err error) {
	if err := p.some(AppsWrite); err != nil {
		return 0, err
	}
	j, err := o.job(ctx, p, AppsWrite, source)
	if err != nil {
		return 0, err
	}
	if j.Direction != provision.Inbound || j.Connection.Kind != fileKind || o.Files == nil {
		return 0, invalid("This source reads no files.")
	}
	if !slices.Contains(fileSettings, which) {
		return 0, invalid("A file source has files of people, groups and memberships, and none of “" + clip(which) + "”.")
	}
	name := j.Connection.Settings[which]
	if name == "" {
		t, err := o.template(fileKind, provision.Inbound)
		if err != nil {
			return 0, err
		}
		for _, s := range t.Settings {
			if s.Name == which {
				name = s.Default
			}
		}
	}
	if size, err = o.Files.Put(ctx, p.Tenant, name, body, MaxSourceFile); err != nil {
		return 0, err
	}
	note := audit.Event{At: o.now(), Actor: p.Actor, Verb: "put a file for", Object: "source", ID: string(j.ID), Name: nameOf(j), Detail: name}
	if err := o.Notes.Note(ctx, p.Tenant, note); err != nil {
		return size, err
	}
	o.wake()
	return size, nil
}
