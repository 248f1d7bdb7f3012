package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"lockstep"
)

// What is in a data folder beside the card.
const (
	databaseName = "lockstep.db" // and the names that SQLite makes of it
	lockName     = "lock"
	filesName    = "files"   // of the default tenant's file sources, unless the operator names another folder
	tenantsName  = "tenants" // the same of all others
	acmeName     = "acme"    // certificates that were asked for
)

// Database is the file of the database in a data folder.
func Database(folder string) string { return filepath.Join(folder, databaseName) }

// Files is the folder of the default tenant's file sources in a data folder.
func Files(folder string) string { return filepath.Join(folder, filesName) }

// Tenants is the folder in a data folder that has one for each other tenant's file sources.
func Tenants(folder string) string { return filepath.Join(folder, tenantsName) }

// ACME is the folder in a data folder for certificates that the server has asked for, with their keys.
func ACME(folder string) string { return filepath.Join(folder, acmeName) }

// Lock takes a data folder, which it makes when it is not there, for this process for as long as the file is open. A folder that is
// open to others is closed or refused. The code of the error is busy when another process has it.
func Lock(folder string, log *slog.Logger) (*os.File, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, unusable("The data folder cannot be made", err)
	}
	if err := closeFolder(folder, log); err != nil {
		return nil, err
	}
	lock, free, err := lockFile(filepath.Join(folder, lockName))
	if err != nil {
		return nil, unusable("The data folder cannot be used", err)
	}
	if !free {
		return nil, &lockstep.Error{Code: lockstep.CodeBusy, Detail: "Another process uses the data folder " + folder + "."}
	}
	return lock, nil
}

func unusable(what string, err error) error {
	return &lockstep.Error{Code: lockstep.CodeUsage, Detail: fmt.Sprintf("%s: %v.", what, err)}
}

// Card is what a server leaves in its data folder, for whoever may read there: how to reach it.
type Card struct {
	Address string `json:"address"`
	Token   string `json:"token"` // valid while the server runs
	PID     int    `json:"pid"`
}

const cardFile = "server.json"

// CardOf is the file of a server's card in a data folder.
func CardOf(folder string) string { return filepath.Join(folder, cardFile) }

// ReadCard reads the card of the server that runs on the folder. Without one the error wraps fs.ErrNotExist.
func ReadCard(folder string) (k Card, err error) {
	text, err := os.ReadFile(CardOf(folder))
	if err != nil {
		return k, err
	}
	return k, json.Unmarshal(text, &k)
}

// Write puts the card in place whole or not at all.
func (k Card) Write(folder string) error {
	text, err := json.Marshal(k)
	if err != nil {
		return err
	}
	path := CardOf(folder)
	if err := os.WriteFile(path+".new", text, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// RemoveCard takes the card away, if there is one.
func RemoveCard(folder string) error {
	err := os.Remove(CardOf(folder))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
