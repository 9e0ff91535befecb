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
