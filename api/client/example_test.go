package client_test

import (
	"context"
	"io"
	"log"
	"net/http"
	"os"
	"time"

	"parapheur/api/client"
)

// Deposit a letter, then follow it to its signature without being called.
func Example() {
	ctx := context.Background()
	c := &client.Client{URL: os.Getenv("PARAPHEUR_URL"), Key: os.Getenv("PARAPHEUR_KEY"), HTTP: &http.Client{Timeout: 2 * time.Minute}}
	d, err := c.Deposit(ctx, "depot-2026-00123", client.Letter{
		Title: "Réponse à M. Dupont", Recipient: "M. Paul Dupont", Type: "courrier-simple", Reference: "GEC-2026-00123",
		Document: client.FileAt("lettre.pdf"),
	})
	if err != nil {
		log.Fatal(err)
	}
	for after := int64(0); d.Phase == "running"; {
		events, next, err := c.Events(ctx, after, 30*time.Second)
		if err != nil {
			log.Fatal(err)
		}
		for _, e := range events {
			if e.Data.Dossier == d.ID {
				if d, err = c.Dossier(ctx, d.ID, ""); err != nil {
					log.Fatal(err)
				}
			}
		}
		after = next // keep it: a restart goes on from there
	}
	log.Printf("n° %d : %s", d.Number, d.Phase)
}

// Receive the calls of the parapheur: believe none that is not signed.
func ExampleVerifier() {
	verifier, err := client.NewVerifier(os.Getenv("PARAPHEUR_WEBHOOK_SECRET"))
	if err != nil {
		log.Fatal(err)
	}
	http.HandleFunc("POST /parapheur", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 64<<10))
		if err != nil {
			http.Error(w, "not read", http.StatusBadRequest)
			return
		}
		message, err := verifier.Verify(r.Header, body, time.Now())
		if err != nil {
			http.Error(w, "not verified", http.StatusUnauthorized)
			return
		}
		log.Print(message.ID, message.Type, message.Data.Dossier) // read the dossier back
		w.WriteHeader(http.StatusNoContent)
	})
}

// Play a letter to its end in a sandbox town, three weeks later by its clock.
func ExampleClient_PlaySandbox() {
	ctx := context.Background()
	c := &client.Client{URL: "http://bac-a-sable.localhost:8080", Key: os.Getenv("PARAPHEUR_SANDBOX_KEY")}
	d, err := c.Deposit(ctx, "essai-0001", client.Letter{Title: "Essai", Recipient: "Mme Lefèvre", Type: "courrier-simple", Document: client.FileAt("lettre.pdf")})
	if err != nil {
		log.Fatal(err)
	}
	clock, err := c.SandboxClock(ctx)
	if err != nil {
		log.Fatal(err)
	}
	if clock, err = c.MoveSandboxClock(ctx, clock.Now.AddDate(0, 0, 21)); err != nil { // reminders and escalations have taken place
		log.Fatal(err)
	}
	for _, x := range []client.SandboxDecision{{Person: "maire", Decision: "visa"}, {Person: "maire", Decision: "signature"}} {
		if d, err = c.PlaySandbox(ctx, "essai-0001-"+x.Decision, d.ID, x); err != nil {
			log.Fatal(err)
		}
	}
	log.Printf("n° %d : %s, le %s", d.Number, d.Phase, clock.Now)
}
