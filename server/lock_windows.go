package server

import (
	"errors"
	"os"
	"syscall"
)

// errorSharingViolation is what Windows answers when another process has a file open for itself.
const errorSharingViolation = syscall.Errno(32)

// lockFile takes the lock of a file, or reports that another process has it: the file is opened without sharing.
func lockFile(path string) (f *os.File, free bool, err error) {
	name, err := syscall.UTF16PtrFromString(path)
	if err != nil {
		return nil, false, err
	}
	h, err := syscall.CreateFile(name, syscall.GENERIC_READ|syscall.GENERIC_WRITE, 0, nil, syscall.OPEN_ALWAYS, syscall.FILE_ATTRIBUTE_NORMAL, 0)
	switch {
	case err == nil:
		return os.NewFile(uintptr(h), path), true, nil
	case errors.Is(err, errorSharingViolation):
		return nil, false, nil
	}
	return nil, false, err
}
