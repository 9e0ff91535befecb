//go:build race

package signing_test

import "time"

const timeLimit = 10 * time.Second
