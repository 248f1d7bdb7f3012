package server

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"lockstep"
	"lockstep/api"
	"lockstep/directory"
)

// folders are where the file sources of the tenants read. Each tenant has a folder of its own, and none leads to another's: an os.Root
// follows no symbolic link out of it. The folder of the default tenant stands by itself; those of all others are beside each other,
// named by the tenants.
type folders struct {
	own    *os.Root // of the default tenant; nil is none
	others *os.Root // holds those of the others; nil is none
	tenant func(ctx context.Context, id lockstep.TenantID) (directory.Tenant, error)

	mu     sync.Mutex
	opened map[lockstep.TenantID]*os.Root
}

// openFolders opens the folders, which it makes when they are not there. "" is none. It refuses folders that lead into each other, or
// to what no tenant may read.
func openFolders(own, others string, private []string, tenant func(context.Context, lockstep.TenantID) (directory.Tenant, error)) (_ *folders, err error) {
	f := &folders{tenant: tenant, opened: map[lockstep.TenantID]*os.Root{}}
	if f.own, err = openFolder(own); err != nil {
		return nil, err
	}
	if f.others, err = openFolder(others); err != nil {
		return nil, errors.Join(err, f.close())
	}
	for _, c := range []struct {
		folder string
		away   []string
	}{{own, slices.Concat(private, []string{others})}, {others, slices.Concat(private, []string{own})}} {
		for _, path := range c.away {
			if err := apart(c.folder, path); err != nil {
				return nil, errors.Join(err, f.close())
			}
		}
	}
	return f, nil
}

// openFolder opens a folder, which it makes when it is not there. "" is none.
func openFolder(path string) (*os.Root, error) {
	if path == "" {
		return nil, nil
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, err
	}
	return os.OpenRoot(path)
}

// apart refuses a folder of file sources that holds the path.
func apart(folder, path string) error {
	if folder == "" || path == "" || !within(target(folder), target(path)) {
		return nil
	}
	detail := fmt.Sprintf("File sources may not reach %s, which is in their folder %s: name another folder for them.", path, folder)
	return &lockstep.Error{Code: lockstep.CodeUsage, Detail: detail}
}

// target is where the path leads, as far as it is there.
func target(path string) string {
	if whole, err := filepath.Abs(path); err == nil {
		path = whole
	}
	if followed, err := filepath.EvalSymlinks(path); err == nil {
		return followed
	}
	return path
}

// within reports whether the path is the folder or below it.
func within(folder, path string) bool {
	below, err := filepath.Rel(folder, path)
	return err == nil && filepath.IsLocal(below)
}

// of returns the folder of a tenant. That of another tenant than the default one is made when it is first asked for.
func (f *folders) of(ctx context.Context, id lockstep.TenantID) (*os.Root, error) {
	f.mu.Lock()
	root := f.opened[id]
	f.mu.Unlock()
	if root != nil {
		return root, nil
	}
	t, err := f.tenant(ctx, id)
	if err != nil {
		return nil, err
	}
	if t.Slug == api.DefaultTenant && f.own != nil {
		return f.own, nil
	}
	if t.Slug == api.DefaultTenant || f.others == nil {
		return nil, &lockstep.Error{Code: lockstep.CodeInvalid, Detail: "This server has no folder for file sources."}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if root := f.opened[id]; root != nil {
		return root, nil
	}
	if root, err = openTenant(f.others, t.Slug); err == nil {
		f.opened[id] = root
	}
	return root, err
}

// openTenant opens the folder of a tenant, named like it.
func openTenant(all *os.Root, slug string) (*os.Root, error) {
	if strings.ContainsAny(slug, `/\`) || !filepath.IsLocal(slug) || slug == "." {
		return nil, &lockstep.Error{Code: lockstep.CodeInvalid, Detail: "The tenant " + slug + " has no folder for file sources: its name cannot be one."}
	}
	err := all.Mkdir(slug, 0o700)
	if err != nil && !errors.Is(err, os.ErrExist) {
		return nil, &lockstep.Error{Code: lockstep.CodeSourceUnreachable, Detail: "The tenant's folder for file sources cannot be made.", Err: err}
	}
	root, err := all.OpenRoot(slug)
	if err != nil {
		return nil, &lockstep.Error{Code: lockstep.CodeSourceUnreachable, Detail: "The tenant's folder for file sources cannot be opened.", Err: err}
	}
	return root, nil
}

// Put is that of operate.Files. The file is written beside and then put in the place of the one that is there, so that whoever reads
// at the same time sees the one or the other whole.
func (f *folders) Put(ctx context.Context, t lockstep.TenantID, name string, body io.Reader, most int64) (size int64, err error) {
	root, err := f.of(ctx, t)
	if err != nil {
		return 0, err
	}
	failed := func(err error) error {
		return &lockstep.Error{Code: lockstep.CodeInvalid, Detail: "The file " + name + " cannot be written into the folder of the source.", Err: err}
	}
	part := fmt.Sprintf("%s.%s.part", name, rand.Text())
	out, err := root.OpenFile(part, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, failed(err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, root.Remove(part))
		}
	}()
	size, err = io.Copy(out, io.LimitReader(body, most+1))
	if err == nil {
		err = out.Sync()
	}
	if err = errors.Join(err, out.Close()); err != nil {
		return 0, failed(err)
	}
	if size > most {
		return 0, &lockstep.Error{Code: lockstep.CodeSourceLimit, Detail: fmt.Sprintf("The file has more than %d bytes: put it into the folder of the source by hand.", most)}
	}
	if err := root.Rename(part, name); err != nil {
		return 0, failed(err)
	}
	return size, nil
}

// Left is that of operate.Files.
func (f *folders) Left(slug string) (bool, error) {
	if f == nil || f.others == nil {
		return false, nil
	}
	folder, err := f.others.Open(slug)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer folder.Close()
	names, err := folder.Readdirnames(1)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return len(names) > 0, err
}

func (f *folders) close() error {
	if f == nil {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	var errs []error
	for _, root := range f.opened {
		errs = append(errs, root.Close())
	}
	for _, root := range []*os.Root{f.own, f.others} {
		if root != nil {
			errs = append(errs, root.Close())
		}
	}
	return errors.Join(errs...)
}
