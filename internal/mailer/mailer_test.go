package mailer

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"strings"
	"testing"
)

// A relay speaks the SMTP of a relay on the same machine (RFC 5321), and
// hands back what it was given.
func relay(t *testing.T) (address string, letters <-chan string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() }) //nolint:errcheck // a test
	out := make(chan string, 10)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go talk(c, out)
		}
	}()
	return l.Addr().String(), out
}

func talk(c net.Conn, out chan<- string) {
	defer c.Close() //nolint:errcheck // a test
	r := bufio.NewReader(c)
	fmt.Fprint(c, "220 relay ESMTP\r\n")
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		switch verb := strings.ToUpper(strings.Fields(line + " x")[0]); verb {
		case "DATA":
			fmt.Fprint(c, "354 go\r\n")
			var b strings.Builder
			for {
				text, err := r.ReadString('\n')
				if err != nil || text == ".\r\n" {
					break
				}
				b.WriteString(text)
			}
			out <- b.String()
			fmt.Fprint(c, "250 kept\r\n")
		case "QUIT":
			fmt.Fprint(c, "221 bye\r\n")
			return
		case "RCPT":
			if strings.Contains(line, "refuse@") {
				fmt.Fprint(c, "550 nobody\r\n")
				continue
			}
			fmt.Fprint(c, "250 ok\r\n")
		default:
			fmt.Fprint(c, "250 ok\r\n")
		}
	}
}

func TestSendWritesToEachInFrench(t *testing.T) {
	t.Parallel()
	address, letters := relay(t)
	m, err := New(Options{URL: "smtp://" + address + "?tls=none", From: "Parapheur <parapheur@mairie.example>"})
	if err != nil {
		t.Fatal(err)
	}
	const subject, text = "Parapheur : les notifications de « GEC » sont suspendues", "Bonjour,\n\nL’adresse a répondu 500.\n"
	if err := m.Send(t.Context(), []string{"a@mairie.example", "b@mairie.example"}, subject, text); err != nil {
		t.Fatal(err)
	}
	for _, to := range []string{"a@mairie.example", "b@mairie.example"} {
		msg, err := mail.ReadMessage(strings.NewReader(<-letters))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(quotedprintable.NewReader(msg.Body))
		if err != nil {
			t.Fatal(err)
		}
		got, err := new(mime.WordDecoder).DecodeHeader(msg.Header.Get("Subject"))
		if err != nil || got != subject || !strings.Contains(msg.Header.Get("To"), to) || strings.Contains(msg.Header.Get("To"), ",") {
			t.Errorf("%q to %q, %v", got, msg.Header.Get("To"), err)
		}
		if strings.ReplaceAll(string(body), "\r\n", "\n") != text {
			t.Errorf("%q", body)
		}
	}
	if err := m.Send(t.Context(), []string{"refuse@mairie.example"}, subject, text); err == nil {
		t.Error("a refused recipient is no error")
	}
}

func TestTLSIsNotDroppedInSilence(t *testing.T) {
	t.Parallel()
	address, _ := relay(t) // which offers no STARTTLS
	m, err := New(Options{URL: "smtp://" + address, From: "parapheur@mairie.example"})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Send(t.Context(), []string{"a@mairie.example"}, "x", "x"); err == nil {
		t.Error("sent in the clear although TLS was wanted")
	}
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	for _, bad := range []Options{{URL: "", From: "a@b.fr"}, {URL: "http://x", From: "a@b.fr"}, {URL: "smtp://", From: "a@b.fr"}, {URL: "smtp://x", From: "personne"}, {URL: "smtp://x:port", From: "a@b.fr"}} {
		if _, err := New(bad); !errors.Is(err, ErrAddress) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	for _, good := range []string{"smtp://x", "smtps://u@x", "smtp://u@x:25?tls=none"} {
		if _, err := New(Options{URL: good, From: "a@b.fr"}); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
}
