//go:build !race

package signing_test

import "time"

// timeLimit is what one hostile file may cost; the race detector is ten times slower.
const timeLimit = time.Second
