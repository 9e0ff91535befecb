// Command gec is an example of what a mail management system (GEC) does with
// the parapheur: deposit a letter, be called when something happens, verify
// the call, read the dossier back, file the signed PDF with its evidence, and
// say how the letter was sent. Plain Go, the standard library only: read it,
// then write yours.
//
//	export PARAPHEUR_URL=http://localhost:8080 PARAPHEUR_KEY=pk_…
//	go run ./examples/gec deposit lettre.pdf "Réponse à M. Dupont" "M. Paul Dupont" GEC-2026-00123
//	go run ./examples/gec follow -dir signed                    # no incoming call needed
//	go run ./examples/gec receive -listen :9090 -secret whsec_… -dir signed
//
// The receiver on the same machine is called once the parapheur may call it:
// PARAPHEUR_EGRESS_ALLOW=127.0.0.1 make run, then a webhook at
// http://127.0.0.1:9090/.
//
// It fails with what the parapheur answered, in French. What was filed is not
// filed again: stop it and start it as you like.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"os/signal"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt) //nolint:forbidigo // the program begins here
	defer stop()
	if err := run(ctx, os.Args[1:], os.Getenv, os.Stdout); err != nil {
		stop()
		log.Fatal(err)
	}
}

var errUsage = errors.New("gec deposit FILE TITLE RECIPIENT REFERENCE | gec follow | gec receive")

func run(ctx context.Context, args []string, getenv func(string) string, out io.Writer) error {
	if len(args) == 0 {
		return errUsage
	}
	client := &Client{URL: getenv("PARAPHEUR_URL"), Key: getenv("PARAPHEUR_KEY"), HTTP: &http.Client{Timeout: time.Minute}}
	fs := flag.NewFlagSet(args[0], flag.ContinueOnError)
	dir := fs.String("dir", "signed", "where signed letters are filed")
	listen := fs.String("listen", ":9090", "address of the receiver")
	secret := fs.String("secret", getenv("PARAPHEUR_WEBHOOK_SECRET"), "whsec_…, shown when the webhook was added")
	if err := fs.Parse(args[1:]); err != nil {
		return err
	}
	module := &Module{Client: client, Dir: *dir, Log: log.Default()}
	switch args[0] {
	case "deposit":
		if fs.NArg() != 4 {
			return errUsage
		}
		d, err := client.Deposit(ctx, Letter{File: fs.Arg(0), Title: fs.Arg(1), Recipient: fs.Arg(2), Reference: fs.Arg(3), Type: "courrier-simple"})
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "dossier n° %d, %s: %s\n", d.Number, d.Phase, d.URL)
		return nil
	case "follow":
		return module.Follow(ctx)
	case "receive":
		receiver, err := NewReceiver(module, *secret, time.Now) //nolint:forbidigo // the program begins here
		if err != nil {
			return err
		}
		return serve(ctx, *listen, receiver)
	}
	return errUsage
}

func serve(ctx context.Context, address string, h http.Handler) error {
	s := &http.Server{Addr: address, Handler: h, ReadHeaderTimeout: 5 * time.Second}
	go func() {
		<-ctx.Done()
		_ = s.Close() // the process ends
	}()
	if err := s.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
