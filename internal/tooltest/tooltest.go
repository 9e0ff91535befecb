// Package tooltest runs the outside programs by whose word a test stands:
// poppler, OpenSSL, a shell; and keeps what is long to make ready.
//
// Where everything is to be tested (CI=true), a program that is missing fails
// the test; elsewhere the test is skipped and says what is missing. It is for
// tests: no program may contain it.
package tooltest

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// Lacking ends a test for want of something.
func Lacking(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s: missing where everything is to be tested (see scripts/setup.sh)", what)
	}
	t.Skipf("%s: not on this machine (see scripts/setup.sh)", what)
}

// Need ends a test unless every one of the programs is installed.
func Need(t testing.TB, names ...string) {
	t.Helper()
	for _, name := range names {
		First(t, name)
	}
}

// First returns the path of the first of the programs that is installed.
func First(t testing.TB, names ...string) string {
	t.Helper()
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	Lacking(t, strings.Join(names, " or "))
	return ""
}

// Output runs a program in a folder, empty for the current one, and returns
// what it printed, complaints included. It must succeed.
func Output(t testing.TB, dir, name string, args ...string) string {
	t.Helper()
	c := exec.CommandContext(t.Context(), First(t, name), args...)
	c.Dir = dir
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// On runs a program on a file of its own, which FILE stands for in the
// arguments, and returns what it printed, complaints included.
func On(t testing.TB, file []byte, name string, args ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file.pdf")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	given := make([]string, len(args))
	for i, a := range args {
		given[i] = strings.ReplaceAll(a, "FILE", path)
	}
	return Output(t, "", name, given...)
}

// Text returns the text of a PDF as poppler reads it.
func Text(t testing.TB, letter []byte) string {
	t.Helper()
	c := exec.CommandContext(t.Context(), First(t, "pdftotext"), "-layout", "-", "-")
	c.Stdin = bytes.NewReader(letter)
	out, err := c.Output()
	if err != nil {
		t.Fatalf("pdftotext: %v", err)
	}
	return string(out)
}

// Maven returns the version of an artifact that a POM pins in a property of its
// name, and the folder where it stands with all it needs, fetched once.
func Maven(t testing.TB, name, pom string) (version, dir string) {
	t.Helper()
	Need(t, "java", "mvn")
	b, err := os.ReadFile(pom)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), "<"+name+".version>")
	version, _, ok := strings.Cut(rest, "<")
	if !ok {
		t.Fatalf("no version in %s", pom)
	}
	dir = filepath.Join(Cache(t), name+"-"+version)
	Once(t, dir, func(dir string) {
		Output(t, "", "mvn", "-q", "-B", "-f", pom, "dependency:copy-dependencies", "-DoutputDirectory="+dir)
	})
	return version, dir
}

// Cache is the folder of this user for what suites fetch.
func Cache(t testing.TB) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(cache, "parapheur-conformance")
}

// Once fills a folder that does not exist yet; one that was begun and not
// finished is begun again.
func Once(t testing.TB, dir string, fill func(dir string)) {
	t.Helper()
	done := filepath.Join(dir, ".complete")
	if _, err := os.Stat(done); err == nil {
		return
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // programs, which anybody may read
		t.Fatal(err)
	}
	fill(dir)
	if err := os.WriteFile(done, nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

// EngineCache is the folder where all tests of this user keep the compiled
// engine of previews: compiling takes two seconds of both processors, which is
// a minute of a busy machine under the race detector.
func EngineCache() string {
	return filepath.Join(os.TempDir(), "parapheur-engine-"+strconv.Itoa(os.Geteuid()))
}
