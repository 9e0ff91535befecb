package journal_test

import (
	"bytes"
	"fmt"
	"time"

	"parapheur/journal"
)

// A town writes two entries, then somebody alters the first.
func Example() {
	at := time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)
	first := journal.Next(journal.Genesis("21690123100011"), at, "dossier-1", "déposé", []byte(`{}`))
	second := journal.Next(first, at.Add(time.Minute), "dossier-1", "visa", []byte(`{}`))

	entries := func(yield func(journal.Entry, error) bool) {
		_ = yield(first, nil) && yield(second, nil)
	}
	head, err := journal.Verify(journal.Genesis("21690123100011"), entries)
	fmt.Println(head.Seq, err)

	first.Kind = "retiré"
	head, err = journal.Verify(journal.Genesis("21690123100011"), entries)
	fmt.Println(head.Seq, err)
	// Output:
	// 2 <nil>
	// 0 entry 1: hash: broken chain
}

// An export is verified without the database.
func ExampleVerifyExport() {
	at := time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)
	genesis := journal.Genesis("21690123100011")
	entries := func(yield func(journal.Entry, error) bool) {
		yield(journal.Next(genesis, at, "dossier-1", "déposé", []byte(`{}`)), nil)
	}
	var file bytes.Buffer
	if _, err := journal.Write(&file, "21690123100011", genesis, entries); err != nil {
		fmt.Println(err)
	}
	tenant, head, err := journal.VerifyExport(&file)
	fmt.Println(tenant, head.Seq, head.Kind, err)
	// Output: 21690123100011 1 déposé <nil>
}
