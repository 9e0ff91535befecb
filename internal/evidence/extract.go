package evidence

import (
	"bytes"
	"fmt"
	"time"

	"parapheur/approvals/proof"
	"parapheur/circuits"
	"parapheur/journal"
)

// formatExtract names the form of journal.jsonl: JSON lines, each ended by one line feed. The header names the town, the
// dossier and the last entry of the town's journal at export; then comes one line an entry, as in an export of the journal
// (package journal), bodies in standard base64.
const formatExtract = "parapheur.journal-extract.v1"

// formatTown names the form of town.jsonl, the same with the entries about the town on which the dossier rests.
const formatTown = "parapheur.journal-grounds.v1"

// instant is the layout of "at" in the exports of the journal.
const instant = "2006-01-02T15:04:05.000000Z"

type extractHeader struct {
	Format   string          `json:"format"`
	Tenant   string          `json:"tenant"`
	Dossier  string          `json:"dossier"`
	HeadSeq  int64           `json:"head_seq"`
	HeadHash circuits.Digest `json:"head_hash"`
}

type extractLine struct {
	Seq     int64           `json:"seq"`
	At      string          `json:"at"`
	Subject string          `json:"subject"`
	Kind    string          `json:"kind"`
	Body    []byte          `json:"body"`
	Prev    circuits.Digest `json:"prev"`
	Hash    circuits.Digest `json:"hash"`
}

// writeExtract makes journal.jsonl or town.jsonl, of entries.
func writeExtract(p *Package, format string, entries []journal.Entry) ([]byte, error) {
	var out bytes.Buffer
	lines := []any{extractHeader{format, p.Tenant.SIRET, p.Dossier.ID, p.Head.Seq, p.Head.Hash}}
	for _, e := range entries {
		lines = append(lines, extractLine{e.Seq, e.At.UTC().Format(instant), e.Subject, e.Kind, e.Body, e.Prev, e.Hash})
	}
	for _, l := range lines {
		b, err := proof.CanonicalJSON(l)
		if err != nil {
			return nil, err
		}
		out.Write(b)
		out.WriteByte('\n')
	}
	return out.Bytes(), nil
}

// readExtract is the inverse of writeExtract. It checks the form, not the hashes.
func readExtract(raw []byte, format string) (extractHeader, []journal.Entry, error) {
	var h extractHeader
	rows := bytes.Split(raw, []byte("\n"))
	if len(rows) < 2 || len(rows[len(rows)-1]) != 0 {
		return h, nil, fmt.Errorf("cut short")
	}
	if err := proof.ParseCanonical(rows[0], &h); err != nil {
		return h, nil, fmt.Errorf("header: %w", err)
	}
	if h.Format != format {
		return h, nil, fmt.Errorf("format %q", h.Format)
	}
	var out []journal.Entry
	for i, row := range rows[1 : len(rows)-1] {
		var l extractLine
		if err := proof.ParseCanonical(row, &l); err != nil {
			return h, nil, fmt.Errorf("line %d: %w", i+2, err)
		}
		at, err := time.Parse(instant, l.At)
		if err != nil {
			return h, nil, fmt.Errorf("line %d: %w", i+2, err)
		}
		out = append(out, journal.Entry{Seq: l.Seq, At: at, Subject: l.Subject, Kind: l.Kind, Body: l.Body, Prev: l.Prev, Hash: l.Hash})
	}
	return h, out, nil
}
