package child

import (
	"fmt"
	"syscall"
)

// executable is a name that the kernel resolves to this very file, also after an upgrade has replaced it on disk.
func executable() (string, error) { return "/proc/self/exe", nil }

func dieWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGKILL }

// limitSelf lowers the kernel's limits for this process: private memory, processor time (seconds for one task, most in
// its life), and no core file.
// RLIMIT_DATA counts what can be written, so the address space that Go merely reserves does not trip it.
func limitSelf(memory, seconds, most uint64) error {
	limits := map[int]syscall.Rlimit{syscall.RLIMIT_CPU: {Cur: seconds, Max: most}, syscall.RLIMIT_CORE: {}}
	if !raceEnabled { // the race detector maps terabytes
		limits[syscall.RLIMIT_DATA] = syscall.Rlimit{Cur: memory, Max: memory}
	}
	for which, value := range limits {
		if err := syscall.Setrlimit(which, &value); err != nil {
			return fmt.Errorf("set resource limit %d: %w", which, err)
		}
	}
	return nil
}
