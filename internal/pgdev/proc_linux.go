package pgdev

import (
	"bytes"
	"os"
	"strconv"
	"syscall"
)

// dieWithParent makes the kernel send sig to the child when the thread that forked it ends.
func dieWithParent(attr *syscall.SysProcAttr, sig syscall.Signal) { attr.Pdeathsig = sig }

// isPostgres says that the process lives (a zombie does not) and is a PostgreSQL server.
func isPostgres(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return false
	}
	// "1234 (postgres) S …": the name may hold spaces and brackets, so the last one counts.
	open, end := bytes.IndexByte(stat, '('), bytes.LastIndexByte(stat, ')')
	if open < 0 || end < open || end+2 >= len(stat) {
		return false
	}
	name, state := string(stat[open+1:end]), stat[end+2]
	return (name == "postgres" || name == "postmaster") && state != 'Z' && state != 'X'
}

// roomyMemory says that the folder is in memory and has more than 2 GiB free.
func roomyMemory(dir string) bool {
	var fs syscall.Statfs_t
	return syscall.Statfs(dir, &fs) == nil && fs.Bavail*uint64(fs.Bsize) > 2<<30
}
