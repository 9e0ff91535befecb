package pgdev

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestZombiesAndOtherProgramsAreNoServers: where nobody reaps, a killed postmaster keeps its number and its name.
func TestZombiesAndOtherProgramsAreNoServers(t *testing.T) {
	t.Parallel()
	cat, err := exec.LookPath("cat")
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(cat)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "postgres")
	if err := os.WriteFile(path, program, 0o700); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a living process called postgres counts", func() bool { return isPostgres(cmd.Process.Pid) })
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a zombie does not", func() bool { return !isPostgres(cmd.Process.Pid) })
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(cmd.Process.Pid) + "/stat")
	if err != nil || !strings.Contains(string(stat), ") Z ") {
		t.Fatalf("the process is not the zombie this test is about: %s, %v", stat, err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	if isPostgres(os.Getpid()) {
		t.Error("this test is taken for a server")
	}
}
