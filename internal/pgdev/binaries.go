package pgdev

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// install is one set of server binaries.
type install struct {
	bin   string // folder that holds initdb and postgres
	major int
}

// usualPlaces are the folders where systems put the server's binaries, as patterns.
func usualPlaces() []string {
	return []string{
		"/usr/lib/postgresql/*/bin",                                           // Debian, Ubuntu
		"/usr/pgsql-*/bin",                                                    // Red Hat, from the PostgreSQL project
		"/usr/libexec/postgresql*",                                            // Alpine
		"/usr/local/pgsql/bin",                                                // from source
		"/opt/homebrew/opt/postgresql*/bin", "/usr/local/opt/postgresql*/bin", // Homebrew
		"/Applications/Postgres.app/Contents/Versions/*/bin",
	}
}

// findInstalls lists the supported installs, newest first. PATH comes first and wins among equals: it is the user's
// choice.
func findInstalls(places []string) []install {
	var folders []string
	if initdb, err := exec.LookPath("initdb"); err == nil {
		// PostgreSQL finds its own share folder from the place of its binary, so links have to be followed.
		if initdb, err = filepath.EvalSymlinks(initdb); err == nil {
			folders = append(folders, filepath.Dir(initdb))
		}
	}
	for _, place := range places {
		found, _ := filepath.Glob(place) // the only error is a bad pattern
		folders = append(folders, found...)
	}
	var all []install
	for _, folder := range folders {
		if slices.ContainsFunc(all, func(i install) bool { return i.bin == folder }) || !exists(filepath.Join(folder, "initdb")) {
			continue
		}
		if major := majorOf(folder); major >= minMajor {
			all = append(all, install{folder, major})
		}
	}
	slices.SortStableFunc(all, func(a, b install) int { return cmp.Compare(b.major, a.major) })
	return all
}

// majorOf asks the binary for its version; zero when there is none or it does not run here.
func majorOf(folder string) int {
	cmd := exec.Command(filepath.Join(folder, "postgres"), "--version")
	cmd.Env = environment()
	out, err := cmd.Output()
	if err != nil {
		return 0
	}
	return parseMajor(string(out))
}

// parseMajor reads "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)" or "… 19beta1"; zero when it is neither.
func parseMajor(version string) int {
	_, rest, ok := strings.Cut(version, "(PostgreSQL) ")
	if !ok {
		return 0
	}
	end := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		end = len(rest)
	}
	major, err := strconv.Atoi(rest[:end])
	if err != nil {
		return 0
	}
	return major
}

// choose picks the binaries: those of the existing cluster's major version, or else the newest.
func (s *Server) choose(installs []install) error {
	made, err := os.ReadFile(filepath.Join(s.data(), "PG_VERSION"))
	if err != nil {
		s.bin, s.major = installs[0].bin, installs[0].major
		return nil
	}
	major, err := strconv.Atoi(strings.TrimSpace(string(made)))
	if err != nil {
		return fmt.Errorf("%w: unreadable PG_VERSION in %s", ErrVersion, s.data())
	}
	for _, i := range installs {
		if i.major == major {
			s.bin, s.major = i.bin, i.major
			return nil
		}
	}
	return fmt.Errorf("%w: %s was made by version %d, which is not installed (found %d); install it or remove the folder",
		ErrVersion, s.data(), major, installs[0].major)
}
