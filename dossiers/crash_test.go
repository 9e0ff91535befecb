package dossiers_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/internal/demo"
	"parapheur/internal/tooltest"
	"parapheur/internal/towntest"
	"parapheur/internal/wiring"
	"parapheur/signing"
)

// doomed names the file that tells a child process of this binary to be the
// node that dies.
const doomed = "PARAPHEUR_TEST_DOOMED"

// pointDecided is before the first of dossiers.SealPoints: the decision is
// durable and no job ever started.
const pointDecided = "decided"

// A doom is what the dying node does: finish one decision, then die at Point.
type doom struct {
	DatabaseURL, DataDir, Token, Point string
	Ceremony, Response                 []byte
}

// die is the whole life of the dying node. It returns only when it failed to
// die, with the reason.
func die(file string) error {
	var d doom
	raw, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(raw, &d)
	}
	if err != nil {
		return err
	}
	ctx := context.Background()
	cfg := towntest.Node(d.DatabaseURL, d.DataDir)
	cfg.Passing = func(point string) {
		if point == d.Point {
			kill()
		}
	}
	if d.Point == pointDecided {
		cfg.Workers = 0
	}
	s, err := wiring.Assemble(ctx, cfg)
	if err != nil {
		return err
	}
	if err := s.Start(ctx); err != nil {
		return err
	}
	if err := finish(ctx, s.Office, d); err != nil {
		return err
	}
	if d.Point == pointDecided {
		kill()
	}
	time.Sleep(20 * time.Second) // the worker kills the process long before
	return fmt.Errorf("point %s was never passed", d.Point)
}

func finish(ctx context.Context, o *dossiers.Office, d doom) error {
	tenant, err := o.Tenant(ctx, strings.TrimPrefix(towntest.Origin, "http://"))
	if err != nil {
		return err
	}
	s, err := o.Visit(ctx, tenant, d.Token)
	if err != nil {
		return err
	}
	v, err := o.Viewer(ctx, tenant, s)
	if err != nil {
		return err
	}
	out, err := o.FinishDecision(ctx, v, s, d.Ceremony, d.Response)
	if err != nil {
		return err
	}
	return out[0].Err
}

func kill() {
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {} // not one instruction of the node runs on
}

// A node killed at any point between a decision and its sealed letter loses
// neither, and the letter is signed once.
func TestKilledNode(t *testing.T) {
	t.Parallel()
	for _, point := range append([]string{pointDecided}, dossiers.SealPoints()...) {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			town := towntest.New(t, func(c *wiring.Config) { c.Workers = 0 })
			d := town.Deposit(t)
			if _, err := town.Person(t, demo.DGS).Decide(t, d.ID, "visa", ""); err != nil {
				t.Fatal(err)
			}
			dieSigning(t, town, d.ID, point)
			kept := evidenceOf(t, town, d.ID)
			if len(kept) != 2 || kept[1].Decision != "signature" {
				t.Fatalf("after the crash %d pieces of evidence are kept", len(kept))
			}
			before := signatureValue(t, town, d.ID)

			town.Config.Workers = 2
			town.Open(t)
			signed := town.Await(t, d.ID, completed)
			signedOnce(t, town, signed)
			if after := signatureValue(t, town, d.ID); before != nil && !bytes.Equal(before, after) {
				t.Error("the kept signature value was replaced: the key served twice")
			}
			if again := evidenceOf(t, town, d.ID); len(again) != 2 || !bytes.Equal(again[1].File, kept[1].File) {
				t.Error("the evidence of the decision changed")
			}
		})
	}
}

// Many nodes seal the same letter at once, as after a rescue: each ends well,
// and the letter is signed once.
func TestSealedByManyAtOnce(t *testing.T) {
	t.Parallel()
	town := towntest.New(t, func(c *wiring.Config) { c.Workers = 0 })
	d := town.Deposit(t)
	for _, x := range []struct{ who, decision string }{{demo.DGS, "visa"}, {demo.Mayor, "signature"}} {
		if _, err := town.Person(t, x.who).Decide(t, d.ID, x.decision, ""); err != nil {
			t.Fatal(err)
		}
	}
	var nodes sync.WaitGroup
	for range 8 {
		nodes.Go(func() {
			if err := town.Office.Seal(t.Context(), town.Tenant.ID, d.ID); err != nil {
				t.Error(err)
			}
		})
	}
	nodes.Wait()
	signedOnce(t, town, town.Await(t, d.ID, completed))
}

func completed(d dossiers.Dossier) bool { return d.State.Phase == circuits.Completed }

// dieSigning has the Mayor's decision to sign taken by a node that dies at
// point.
func dieSigning(t *testing.T, town *towntest.Town, id dossiers.ID, point string) {
	t.Helper()
	mayor := town.Person(t, demo.Mayor)
	req, err := mayor.Begin(t, id, "signature", "")
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(doom{
		DatabaseURL: town.DSN, DataDir: town.Config.DataDir, Token: mayor.Token, Point: point,
		Ceremony: req.Ceremony, Response: mayor.Gesture(t, req),
	})
	file := filepath.Join(t.TempDir(), "doom.json")
	if err := errors.Join(err, os.WriteFile(file, raw, 0o600)); err != nil {
		t.Fatal(err)
	}
	node := exec.CommandContext(t.Context(), os.Args[0])
	node.Env = append(os.Environ(), doomed+"="+file)
	out, err := node.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("the node ended otherwise than killed at %s: %v\n%s", point, err, out)
	}
}

func evidenceOf(t *testing.T, town *towntest.Town, id dossiers.ID) []dossiers.EvidenceRecord {
	t.Helper()
	records, err := town.Store.Evidence(t.Context(), town.Tenant.ID, id)
	if err != nil {
		t.Fatal(err)
	}
	return records
}

// signatureValue is the value that the key made and that is kept, if any.
func signatureValue(t *testing.T, town *towntest.Town, id dossiers.ID) []byte {
	t.Helper()
	s, err := town.Store.Sealing(t.Context(), town.Tenant.ID, id, 1, 1)
	if err != nil && !errors.Is(err, dossiers.ErrNotFound) {
		t.Fatal(err)
	}
	return s.Signature
}

// kinds counts the entries of a dossier's history by kind.
func kinds(t *testing.T, town *towntest.Town, id dossiers.ID) map[string]int {
	t.Helper()
	entries, err := town.Store.JournalOf(t.Context(), town.Tenant.ID, id)
	if err != nil {
		t.Fatal(err)
	}
	n := map[string]int{}
	for _, e := range entries {
		n[e.Kind]++
	}
	return n
}

// signedOnce checks a completed letter in every way there is.
func signedOnce(t *testing.T, town *towntest.Town, d dossiers.Dossier) {
	t.Helper()
	n := kinds(t, town, d.ID)
	if n[circuits.KindSealed] != 1 || n[circuits.KindCompleted] != 1 || n[circuits.KindDecided] != 2 {
		t.Errorf("the journal holds %v", n)
	}
	v := town.Person(t, demo.Mayor).Viewer(t)
	letter, approved := town.Read(t, v, d.ID, 1, ""), town.Read(t, v, d.ID, 1, "approved")
	if !bytes.HasPrefix(letter, approved) {
		t.Error("the signed letter does not begin with the approved one")
	}
	report, err := signing.Check(bytes.NewReader(letter), int64(len(letter)), signing.CheckOptions{Roots: town.Roots(), At: time.Now()})
	if err != nil || report.Verdict != signing.Valid || len(report.Signatures) != 2 || report.Signatures[0].Level != "PAdES-BASELINE-LTA" || report.Signatures[1].Kind != signing.KindDocumentTimestamp {
		t.Fatalf("our own check: %v, %+v", err, report)
	}
	value := signatureValue(t, town, d.ID)
	if embedded := bytes.Count(bytes.ToLower(letter[len(approved):]), fmt.Appendf(nil, "%x", value)); len(value) == 0 || embedded != 1 {
		t.Errorf("the value that was kept is embedded %d times", embedded)
	}
	pdfsig(t, letter)
}

// pdfsig has poppler count and verify the signatures.
func pdfsig(t *testing.T, letter []byte) {
	t.Helper()
	out := tooltest.On(t, letter, "pdfsig", "-nocert", "FILE")
	if strings.Count(out, "Signature Validation: Signature is Valid") != 1 || strings.Count(out, "Signature #") != 2 {
		t.Errorf("pdfsig: %s", out)
	}
}
