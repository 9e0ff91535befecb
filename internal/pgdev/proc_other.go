//go:build unix && !linux

package pgdev

import (
	"errors"
	"syscall"
)

// dieWithParent has no equivalent here: the next Start attaches to a server that outlived its parent.
func dieWithParent(*syscall.SysProcAttr, syscall.Signal) {}

// isPostgres can only say that the process lives.
func isPostgres(pid int) bool {
	err := syscall.Kill(pid, 0)
	return err == nil || errors.Is(err, syscall.EPERM)
}

func roomyMemory(string) bool { return false }
