package server

import (
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"runtime"
	"slices"
	"strings"

	"lockstep"
)

// Who may read the database reads the names of all people, and whoever may read the key, too, reads the secrets. So a data folder
// and what is in it are its owner's alone, as are keys. What another program or an older version left open is closed, and said;
// on Windows, where a mode says nothing, the access list of the folder decides.

// others are the permissions of everybody but the owner.
const others fs.FileMode = 0o077

func loose(mode fs.FileMode) bool { return runtime.GOOS != "windows" && mode&others != 0 }

// closeFolder makes a data folder its owner's alone. A folder that holds other things, too, is left as it is and refused: who
// named a home folder, say, may want it open.
func closeFolder(folder string, log *slog.Logger) error {
	info, err := os.Stat(folder)
	if err != nil || !loose(info.Mode()) {
		return err
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	refused := func(why string) error {
		detail := fmt.Sprintf("The data folder %s is open to others (%s) and %s: close it with chmod 700, or name another.", folder, info.Mode(), why)
		return &lockstep.Error{Code: lockstep.CodeUsage, Detail: detail}
	}
	if stranger := slices.IndexFunc(entries, func(e fs.DirEntry) bool { return !ours(e.Name()) }); stranger >= 0 {
		return refused("holds other things, such as " + entries[stranger].Name())
	}
	if err := os.Chmod(folder, info.Mode()&^others&fs.ModePerm); err != nil {
		return refused("cannot be closed (" + err.Error() + ")")
	}
	log.Warn("the data folder was open to others: it is its owner's alone now", "folder", folder, "was", info.Mode().String())
	return nil
}

// ours reports whether a name in a data folder is one that Lockstep gives, or the file system.
func ours(name string) bool {
	return slices.Contains([]string{lockName, "key", cardFile, cardFile + ".new", filesName, tenantsName, acmeName, "lost+found"}, name) || strings.HasPrefix(name, databaseName)
}

// closeFile makes a file its owner's alone, if it can. A key that the system puts in place may be on a file system that nobody can
// change.
func closeFile(path string, log *slog.Logger) {
	info, err := os.Stat(path)
	if err != nil || !loose(info.Mode()) {
		return
	}
	if err := os.Chmod(path, info.Mode()&^others&fs.ModePerm); err != nil {
		log.Warn("others may read the key, and with a copy of the database its secrets", "file", path, "mode", info.Mode().String(), "error", err)
		return
	}
	log.Warn("others could read the key until now: with a copy of the database they can read its secrets", "file", path, "was", info.Mode().String())
}
