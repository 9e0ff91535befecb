package main

import (
	"fmt"
	"net/http"
	"time"

	"parapheur/internal/peer"
)

// How long one exchange may take. A client that sends or reads more slowly
// holds a connection for nothing, on purpose or not; who streams sets its own.
const (
	patience    = 30 * time.Second // to send a body, and then some for its length
	slowestSend = 16 << 10         // bytes a second
	longestSend = 30 * time.Minute
	longestRead = 30 * time.Minute // of an answer by the client
)

// hurry gives each exchange its deadlines. They are of the connection, so
// they hold whatever the handler does.
func hurry(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, now := http.NewResponseController(w), time.Now()
		if r.ContentLength != 0 { // unknown is -1
			_ = c.SetReadDeadline(now.Add(sendTime(r.ContentLength))) // a writer of tests has none
		}
		_ = c.SetWriteDeadline(now.Add(longestRead))
		next.ServeHTTP(w, r)
	})
}

// sendTime is how long a body of so many bytes may take, -1 when not known.
func sendTime(size int64) time.Duration {
	if size < 0 || size > slowestSend*int64(longestSend/time.Second) {
		return longestSend
	}
	return min(patience+time.Duration(size/slowestSend)*time.Second, longestSend)
}

// proxies are those whose X-Forwarded-For is believed.
func (c *config) proxies() (peer.Proxies, error) {
	list, err := peer.Parse(c.trustedProxies)
	if err != nil {
		return nil, fmt.Errorf("--trusted-proxies : %w", err)
	}
	return list, nil
}
