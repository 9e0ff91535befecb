package child

import (
	"fmt"
	"syscall"
)

// executable is a name that the kernel resolves to this very file, also after an upgrade has replaced it on disk.
func executable() (string, error) { return "/proc/self/exe", nil }

func dieWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGKILL }

// limitSelf lowers the kernel's limits for this process: private memory, processor time, and no core file.
// RLIMIT_DATA counts what can be written, so the address space that Go merely reserves does not trip it.
func limitSelf(memory, seconds uint64) error {
	limits := map[int]uint64{syscall.RLIMIT_CPU: seconds, syscall.RLIMIT_CORE: 0}
	if !raceEnabled { // the race detector maps terabytes
		limits[syscall.RLIMIT_DATA] = memory
	}
	for which, value := range limits {
		if err := syscall.Setrlimit(which, &syscall.Rlimit{Cur: value, Max: value}); err != nil {
			return fmt.Errorf("set resource limit %d: %w", which, err)
		}
	}
	return nil
}
