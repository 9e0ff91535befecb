package web

import (
	"testing"

	"parapheur/dossiers"
)

// A counter must not claim as exact what was not counted to its end.
func TestCountersSayWhereTheyStop(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		bin  dossiers.Bin
		n    int
		want string
	}{
		{dossiers.BinCompleted, 0, "0"},
		{dossiers.BinCompleted, 99, "99"},
		{dossiers.BinCompleted, 100, "99+"},
		{dossiers.BinFollowed, 100, "99+"},
		{dossiers.BinToDo, 100, "100"},
		{dossiers.BinToDo, 1000, "999+"},
	} {
		if got := counted(c.bin, c.n); got != c.want {
			t.Errorf("%s: %d is shown as %s, want %s", c.bin, c.n, got, c.want)
		}
	}
}
