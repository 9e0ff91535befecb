//go:build !race

package pdf_test

// raceEnabled widens the limits of time: the race detector is ten times slower.
const raceEnabled = false
