package main

import (
	"errors"
	"io"
	"io/fs"
	"time"

	"lockstep/cli"
	"lockstep/reach"
	"lockstep/report"
	"lockstep/server"
	"lockstep/terminal"
)

type backupCmd struct {
	Create  backupCreateCmd  `cmd:"" help:"Write a backup of the database, beside a running server. The key is not in it."`
	Verify  backupVerifyCmd  `cmd:"" help:"Restore a backup to a scratch folder, with the key, and say what is in it."`
	Restore backupRestoreCmd `cmd:"" help:"Put a backup into a data folder that has no database."`
}

// errPostgres says what is used instead.
func errPostgres() error {
	return terminal.Usage("The data are in PostgreSQL, which has better means: pg_dump --format=custom, or continuous archiving. See docs/how-to/backup.md.")
}

type backupCreateCmd struct {
	File string `arg:"" optional:"" help:"The file to write; lockstep-TIME.tar.gz in this folder when absent."`
}

// Run writes a backup.
func (b *backupCreateCmd) Run(c *cli.Command) error {
	if c.Server != "" {
		return terminal.Usage("A backup is made on the machine that has the data: leave --server out.")
	}
	if c.Place.OnPostgres() {
		return errPostgres()
	}
	folder, err := c.Place.Folder()
	if err != nil {
		return err
	}
	if there, err := server.Exists(c.Ctx, server.Config{SQLite: server.Database(folder)}); err != nil || !there {
		return errors.Join(err, reach.Unfounded(folder))
	}
	file := report.Or(b.File, "lockstep-"+time.Now().UTC().Format("20060102T150405Z")+".tar.gz")
	m, err := server.Backup(c.Ctx, folder, file, reach.Version())
	if errors.Is(err, fs.ErrExist) {
		return terminal.Usage("There is a file %s already.", file)
	}
	if err != nil {
		return err
	}
	return showBackup(c, file, m, func() {
		if path, err := c.Place.KeyPath(); err == nil {
			c.Say("The key is not in it, and without the key its secrets cannot be read: keep a copy of %s elsewhere.", path)
		}
		c.Say("Next: lockstep backup verify %s", file)
	})
}

// showBackup says what a backup holds.
func showBackup(c *cli.Command, file string, m server.Manifest, more func()) error {
	v := struct {
		File string `json:"file"`
		server.Manifest
	}{file, m}
	return c.Show(v, func(w io.Writer) {
		terminal.Printf(w, "file\t%s\n", file)
		terminal.Printf(w, "made\t%s by %s\n", m.Created.Local().Format("2006-01-02 15:04:05"), m.Version)
		terminal.Printf(w, "holds\t%d users, %d groups, %d jobs; schema %d\n", m.Users, m.Groups, m.Jobs, m.Schema)
		terminal.Printf(w, "key\t%s\n", report.Or(m.KeyID, "none"))
		more()
	})
}

type backupVerifyCmd struct {
	File string `arg:"" help:"The backup."`
}

// Run verifies a backup.
func (b *backupVerifyCmd) Run(c *cli.Command) error {
	key, err := c.Place.Key()
	if err != nil {
		return err
	}
	m, err := server.VerifyBackup(c.Ctx, b.File, key)
	if err != nil {
		return err
	}
	return showBackup(c, b.File, m, func() { c.Say("It is whole, and the key opens it.") })
}

type backupRestoreCmd struct {
	File string `arg:"" help:"The backup."`
}

// Run restores a backup.
func (b *backupRestoreCmd) Run(c *cli.Command) error {
	if c.Place.OnPostgres() {
		return errPostgres()
	}
	folder, lock, err := c.Place.Lock()
	if err != nil {
		return err
	}
	defer lock.Close()
	key, err := c.Place.Key()
	if err != nil {
		return err
	}
	m, err := server.RestoreBackup(c.Ctx, b.File, folder, key)
	if err != nil {
		return err
	}
	return showBackup(c, b.File, m, func() {
		c.Say("Restored into %s. Applications may have changed since the backup: run each job once with lockstep run NAME --whole.", folder)
	})
}
