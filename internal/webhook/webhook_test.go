package webhook

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"testing"
	"time"

	published "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// The published verifier accepts what is signed here, under either of two
// secrets, and nothing that was changed.
func TestSignatureIsAcceptedByThePublishedVerifier(t *testing.T) {
	t.Parallel()
	first, second, third := []byte("0123456789abcdef0123456789abcdef"), []byte("fedcba9876543210fedcba9876543210"), []byte("another secret of 32 bytes, maybe")
	id, now, body := "msg_1", time.Now(), []byte(`{"type":"dossier.completed"}`)
	header := http.Header{}
	header.Set(HeaderID, id)
	header.Set(HeaderTimestamp, fmt.Sprint(now.Unix()))
	header.Set(HeaderSignature, Signature(id, now, body, first, second))
	for name, tc := range map[string]struct {
		secret []byte
		body   []byte
		ok     bool
	}{
		"the new secret": {first, body, true}, "the old secret": {second, body, true},
		"a stranger's secret": {third, body, false}, "another body": {first, []byte(`{"type":"dossier.refused"}`), false},
	} {
		v, err := published.NewWebhook("whsec_" + base64.StdEncoding.EncodeToString(tc.secret))
		if err != nil {
			t.Fatal(err)
		}
		if err := v.Verify(tc.body, header); (err == nil) != tc.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The vector of the Standard Webhooks specification.
func TestSignatureVector(t *testing.T) {
	t.Parallel()
	secret, err := base64.StdEncoding.DecodeString("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		t.Fatal(err)
	}
	got := Signature("msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`), secret)
	if got != "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=" {
		t.Error(got)
	}
}

func TestWait(t *testing.T) {
	t.Parallel()
	var total time.Duration
	n := 1
	for ; ; n++ {
		d, again := Wait(n, 0)
		if !again {
			break
		}
		if late, _ := Wait(n, 1); late != d+d/10 {
			t.Errorf("jitter takes %v to %v", d, late)
		}
		total += d
	}
	if n != 10 || total < 72*time.Hour || total > 80*time.Hour {
		t.Errorf("%d attempts over %v, want 10 over a little more than three days", n, total)
	}
}
