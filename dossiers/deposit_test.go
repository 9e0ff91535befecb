package dossiers_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/internal/demo"
	"parapheur/internal/intake"
	"parapheur/internal/pdftest"
	"parapheur/internal/problem"
	"parapheur/internal/tooltest"
	"parapheur/internal/towntest"
	"parapheur/signing"
)

func codesOf(all []dossiers.Notice) string {
	var out []string
	for _, n := range all {
		out = append(out, string(n.Code))
	}
	return strings.Join(out, " ")
}

// bytesOf reads what was stored of a received file.
func bytesOf(t *testing.T, town *towntest.Town, r dossiers.Received) []byte {
	t.Helper()
	b, err := town.Office.Blobs.Open(t.Context(), r.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	out, err := io.ReadAll(io.NewSectionReader(b, 0, b.Size()))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// A protection against changes is lifted, and said; the text stays.
func TestProtectionIsLifted(t *testing.T) {
	t.Parallel()
	town := towntest.New(t)
	letter := towntest.Sample(t, "lettre-rue-des-mariniers.pdf")
	got, err := receive(t, town, "lettre.pdf", bytes.NewReader(encrypted(t, letter, "")))
	if err != nil || codesOf(got.Notices) != "unprotected" {
		t.Fatalf("%+v, %v", got.Notices, err)
	}
	free := bytesOf(t, town, got)
	if tooltest.Text(t, free) != tooltest.Text(t, letter) {
		t.Error("the text changed")
	}
	if info, err := signing.Inspect(bytes.NewReader(free), int64(len(free))); err != nil || info.Encrypted {
		t.Errorf("it cannot be signed: %+v, %v", info, err)
	}
}

// What is added is in the frozen letter, is told, and can be signed.
func TestCompose(t *testing.T) {
	t.Parallel()
	town := towntest.New(t)
	main, annex := town.Letter(t), town.Annex(t)
	add := dossiers.Additions{Join: []int{2, 2}, Stamp: &dossiers.Stamp{Text: "Chrono 2026-0123", Town: true, Date: true, AllPages: true}}
	made, rest, err := town.Office.Compose(t.Context(), town.Tenant, main, []dossiers.Received{annex, annex}, add)
	if err != nil {
		t.Fatal(err)
	}
	if made.Pages != main.Pages+annex.Pages || len(rest) != 1 || codesOf(made.Notices) != "annex_joined stamped" || made.SHA256 == main.SHA256 {
		t.Errorf("%d pages, %d annexes, %v", made.Pages, len(rest), made.Notices)
	}
	pdf := bytesOf(t, town, made)
	text := tooltest.Text(t, pdf)
	if n := strings.Count(text, "Chrono 2026-0123"); n != main.Pages {
		t.Errorf("the stamp is on %d pages, want %d:\n%s", n, main.Pages, text)
	}
	if !strings.Contains(text, town.Tenant.Place+", le ") {
		t.Errorf("no town nor date:\n%s", text)
	}
	for _, word := range strings.Fields(tooltest.Text(t, bytesOf(t, town, main)) + tooltest.Text(t, bytesOf(t, town, annex))) {
		if !strings.Contains(text, word) {
			t.Errorf("%q is lost", word)
		}
	}
	again, _, err := town.Office.Compose(t.Context(), town.Tenant, main, []dossiers.Received{annex, annex}, add)
	if err != nil || again.SHA256 != made.SHA256 {
		t.Errorf("composed again, it is another file: %v", err)
	}
	if info, err := signing.Inspect(bytes.NewReader(pdf), int64(len(pdf))); err != nil || info.Pages != made.Pages {
		t.Errorf("it cannot be signed: %+v, %v", info, err)
	}
}

// A page without room refuses the stamp instead of covering what is written.
func TestStampNeedsRoom(t *testing.T) {
	t.Parallel()
	town := towntest.New(t)
	full := pdftest.Pages(pdftest.Stream("", []byte(lined())))
	main, err := receive(t, town, "pleine.pdf", bytes.NewReader(full))
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = town.Office.Compose(t.Context(), town.Tenant, main, nil, dossiers.Additions{Stamp: &dossiers.Stamp{Text: "Chrono 1"}})
	var invalid *dossiers.InvalidError
	if !errors.As(err, &invalid) || invalid.Field != "stamp" {
		t.Errorf("%v, want a refusal of the stamp", err)
	}
}

// An undrawn renderer draws no page, as where the machine is too busy.
type undrawn struct{ dossiers.Renderer }

func (undrawn) Page(context.Context, circuits.Digest, func() (io.ReadCloser, error), int, int) ([]byte, error) {
	return nil, fmt.Errorf("preview: %w: too long", dossiers.ErrUnavailable)
}

// Where a page cannot be drawn, a stamp is refused for now, and a letter
// without one is taken.
func TestStampNeedsAPicture(t *testing.T) {
	t.Parallel()
	town := towntest.New(t)
	main := town.Letter(t)
	town.Office.Render = undrawn{town.Office.Render}
	_, _, err := town.Office.Compose(t.Context(), town.Tenant, main, nil, dossiers.Additions{Stamp: &dossiers.Stamp{Text: "Chrono 1"}})
	if !errors.Is(err, dossiers.ErrUndrawn) {
		t.Errorf("%v, want ErrUndrawn", err)
	}
	if _, _, err = town.Office.Compose(t.Context(), town.Tenant, main, nil, dossiers.Additions{}); err != nil {
		t.Error(err)
	}
}

// lined draws a rule every three points, as no free space.
func lined() string {
	var b strings.Builder
	for y := range 280 {
		fmt.Fprintf(&b, "0 %d m 595 %d l S ", 3*y, 3*y)
	}
	return b.String()
}

func clickable(action string) []byte {
	return pdftest.File("<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[3 0 R]/Count 1>>",
		"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Annots[4 0 R]>>",
		pdftest.Object("<</Type/Annot/Subtype/Link/Rect[9 9 99 99]/A "+action+">>"))
}

func anyRules(dossiers.DepositRules) error { return nil }

// The rules of a town decide what is refused, and changing them is an
// administrator's, journaled.
func TestDepositRules(t *testing.T) {
	t.Parallel()
	town := towntest.New(t)
	ctx, o := t.Context(), town.Office
	admin, drafter := town.Person(t, demo.Administrator).Viewer(t), town.Person(t, demo.Drafter).Viewer(t)
	script, launch := clickable("<</S/JavaScript/JS(1)>>"), clickable("<</S/Launch/F(x.exe)>>")
	check := func(pdf []byte, refused bool) {
		t.Helper()
		got, err := receive(t, town, "x.pdf", bytes.NewReader(pdf))
		if refused && !errors.Is(err, dossiers.ErrContent) || !refused && (err != nil || len(got.Notices) != 1 || got.Notices[0].Page != 1) {
			t.Errorf("%+v, %v", got, err)
		}
		if p := problem.For(err); refused && (p.Status != 422 || !strings.Contains(p.Detail, "page\u00a01")) {
			t.Errorf("problem %+v", p)
		}
	}
	check(script, false)
	check(launch, true)
	if err := o.SetDepositRules(ctx, drafter, dossiers.DepositRules{dossiers.ContentLaunch: false}, anyRules); !errors.Is(err, dossiers.ErrForbidden) {
		t.Errorf("a drafter sets rules: %v", err)
	}
	if err := o.SetDepositRules(ctx, admin, dossiers.DepositRules{"repaired": true}, anyRules); !errors.Is(err, dossiers.ErrInvalid) {
		t.Errorf("a rule about no content: %v", err)
	}
	head, err := o.JournalHead(ctx, admin)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second changes nothing, and is not journaled
		if err := o.SetDepositRules(ctx, admin, dossiers.DepositRules{dossiers.ContentLaunch: false, dossiers.ContentJavaScript: true}, anyRules); err != nil {
			t.Fatal(err)
		}
	}
	check(script, true)
	check(launch, false)
	after, err := o.JournalHead(ctx, admin)
	if err != nil || after.Seq != head.Seq+1 || after.Kind != "deposit_rules.set" || !bytes.Contains(after.Body, []byte(`"javascript"`)) {
		t.Errorf("journal: %d then %d %s %s, %v", head.Seq, after.Seq, after.Kind, after.Body, err)
	}
}

// What was noted is kept with the dossier, journaled, and seen by who may.
func TestNoticesAreKept(t *testing.T) {
	t.Parallel()
	town := towntest.New(t)
	ctx := t.Context()
	drafter, dgs, stranger := town.Person(t, demo.Drafter).Viewer(t), town.Person(t, demo.DGS).Viewer(t), town.Person(t, demo.Administrator).Viewer(t)
	main, err := receive(t, town, "x.pdf", bytes.NewReader(clickable("<</S/JavaScript/JS(1)>>")))
	if err != nil {
		t.Fatal(err)
	}
	d, _, err := town.Office.Deposit(ctx, drafter, dossiers.Draft{Title: "x", Recipient: "y", TypeCode: "courrier-simple", Main: main, Start: true})
	if err != nil {
		t.Fatal(err)
	}
	told, err := town.Office.Notices(ctx, dgs, d.ID)
	if err != nil || len(told) != 1 || told[0].N != 1 || told[0].Code != dossiers.ContentJavaScript || told[0].Page != 1 {
		t.Errorf("%+v, %v", told, err)
	}
	if _, err := town.Office.Notices(ctx, stranger, d.ID); !errors.Is(err, dossiers.ErrNotFound) {
		t.Errorf("an administrator sees what is no letter of theirs: %v", err)
	}
	// The circuit's own entries are replayed without it.
	if _, err := town.Office.View(ctx, drafter, d.ID); err != nil {
		t.Error(err)
	}
	entries, err := town.Store.Journal(ctx, town.Tenant.ID, 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, e := range entries {
		if e.Kind == "document.received" && bytes.Contains(e.Body, []byte(d.ID)) {
			found++
		}
	}
	if found != 1 {
		t.Errorf("%d entries tell it", found)
	}
}

// A signed file is never rewritten: neither stamped nor joined to.
func TestSignedFilesAreNotComposed(t *testing.T) {
	t.Parallel()
	town := towntest.New(t)
	main, annex := town.Letter(t), town.Annex(t)
	signed := main
	signed.Signed = true
	for name, c := range map[string]struct {
		main, annex dossiers.Received
		add         dossiers.Additions
		field       string
	}{
		"stamp on a signed letter":   {signed, annex, dossiers.Additions{Stamp: &dossiers.Stamp{Text: "x"}}, "stamp"},
		"annex to a signed letter":   {signed, annex, dossiers.Additions{Join: []int{1}}, "merge_annexes"},
		"signed annex to the letter": {main, signed, dossiers.Additions{Join: []int{1}}, "merge_annexes"},
	} {
		_, _, err := town.Office.Compose(t.Context(), town.Tenant, c.main, []dossiers.Received{c.annex}, c.add)
		var invalid *dossiers.InvalidError
		if !errors.As(err, &invalid) || invalid.Field != c.field {
			t.Errorf("%s: %v", name, err)
		}
	}
	var locked dossiers.Received
	for name, c := range map[string]struct {
		params string
		locked bool
	}{
		"nothing more":                     {"DocMDP/TransformParams<</P 1>>", true},
		"filling, and no new field":        {"DocMDP/TransformParams<</P 2>>", true},
		"annotations, and new fields":      {"DocMDP/TransformParams<</P 3>>", false},
		"every field locked":               {"FieldMDP/TransformParams<</Action/All>>", true},
		"a field locked, which is another": {"FieldMDP/TransformParams<</Action/Include/Fields[(nom)]>>", false},
	} {
		got, err := receive(t, town, "certifie.pdf", bytes.NewReader(restricted(c.params)))
		if err != nil || !got.Signed || got.Locked != c.locked {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		if got.Locked {
			locked = got
		}
	}
	drafter := town.Person(t, demo.Drafter).Viewer(t)
	if _, _, err := town.Office.Deposit(t.Context(), drafter, dossiers.Draft{Title: "x", Recipient: "y", TypeCode: "courrier-simple", Main: locked}); !errors.Is(err, dossiers.ErrLocked) {
		t.Errorf("a letter whose signatures allow no other: %v", err)
	}
}

// restricted came with a signature that restricts what may follow it.
func restricted(transform string) []byte {
	permissions := ""
	if strings.HasPrefix(transform, "DocMDP") {
		permissions = "/Perms<</DocMDP 5 0 R>>"
	}
	return pdftest.File(pdftest.Object("<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[4 0 R]/SigFlags 3>>"+permissions+">>"), "<</Type/Pages/Kids[3 0 R]/Count 1>>",
		"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Annots[4 0 R]>>",
		"<</Type/Annot/Subtype/Widget/FT/Sig/T(s)/F 132/Rect[0 0 0 0]/P 3 0 R/V 5 0 R>>",
		pdftest.Object("<</Type/Sig/Filter/Adobe.PPKLite/SubFilter/ETSI.CAdES.detached/ByteRange[0 10 20 10]/Contents<00>"+
			"/Reference[<</Type/SigRef/TransformMethod/"+transform+">>]>>"))
}

// Kinds of content are the same words in the check and in the rules.
func TestContentsAreThoseOfTheCheck(t *testing.T) {
	t.Parallel()
	var ours, theirs []string
	for _, c := range dossiers.Contents() {
		ours = append(ours, string(c))
		if c.French() == "" || c.Meaning() == "" {
			t.Errorf("%s has no words", c)
		}
	}
	for _, k := range intake.Kinds() {
		theirs = append(theirs, string(k))
	}
	if strings.Join(ours, " ") != strings.Join(theirs, " ") {
		t.Errorf("%v and %v", ours, theirs)
	}
}
