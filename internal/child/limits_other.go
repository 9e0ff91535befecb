//go:build unix && !linux

package child

import (
	"fmt"
	"os"
	"syscall"
)

func executable() (string, error) { return os.Executable() }

func dieWithParent(*syscall.SysProcAttr) {}

// limitSelf limits processor time only: these systems do not enforce memory limits, Go's own soft limit has to do.
func limitSelf(_, seconds, most uint64) error {
	if err := syscall.Setrlimit(syscall.RLIMIT_CPU, &syscall.Rlimit{Cur: seconds, Max: most}); err != nil {
		return fmt.Errorf("limit processor time: %w", err)
	}
	return nil
}
