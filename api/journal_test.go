package api

import (
	"bytes"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"parapheur/dossiers"
	"parapheur/internal/demo"
	"parapheur/journal"
)

// The journal is searched by the filters of the page, followed by its cursor,
// and exported as what verifies it reads.
func TestJournalByREST(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	d := h.put(t, "cle-0001", nil)
	h.replace(t, "/organisation/closures/2026-05-15", object{"label": "Pont"}).is(201)
	search := func(query string) (out JournalEntries) {
		t.Helper()
		h.get(t, "/journal"+query).is(200).into(&out)
		return out
	}
	all := search("?limit=200")
	if n := len(all.Data); n == 0 || all.Data[0].Kind != "closure.set" || all.Data[n-1].Seq != 1 || all.NextCursor != nil || !strings.Contains(string(all.Data[0].Body), "2026-05-15") {
		t.Fatalf("%d entries, %+v", len(all.Data), all.Data[0])
	}
	var followed []int64
	for query := "?limit=3"; query != ""; {
		page := search(query)
		for _, e := range page.Data {
			followed = append(followed, e.Seq)
		}
		if query = ""; page.NextCursor != nil {
			query = "?limit=3&cursor=" + *page.NextCursor
		}
	}
	if len(followed) != len(all.Data) || !slices.IsSortedFunc(followed, func(a, b int64) int { return int(b - a) }) {
		t.Errorf("by pages: %v", followed)
	}
	of := search("?dossier=" + strconv.FormatInt(d.Number, 10))
	if len(of.Data) == 0 || slices.ContainsFunc(of.Data, func(e JournalEntry) bool { return !strings.HasPrefix(e.Subject, d.ID) }) {
		t.Errorf("of the letter: %+v", of)
	}
	if got := search("?kind=dossier."); len(got.Data) == 0 || !strings.HasPrefix(got.Data[0].Kind, "dossier.") {
		t.Errorf("of a family: %+v", got)
	}
	if got := search("?person=" + url.QueryEscape(demo.DGS)); len(got.Data) == 0 || len(got.Data) >= len(all.Data) {
		t.Errorf("about somebody: %d of %d", len(got.Data), len(all.Data))
	}
	if got := search("?person=inconnue@x.fr"); len(got.Data) != 0 {
		t.Errorf("about nobody: %+v", got)
	}
	today := time.Now().In(h.Office.LocationOf(h.Tenant.Territory)).Format(time.DateOnly)
	if got := search("?limit=200&from=" + today + "&until=" + today); len(got.Data) != len(all.Data) {
		t.Errorf("of the day: %d of %d", len(got.Data), len(all.Data))
	}
	if got := search("?until=2020-01-01"); len(got.Data) != 0 {
		t.Errorf("of long ago: %+v", got)
	}
	for _, bad := range []string{"?from=2026-02-30", "?until=hier", "?limit=0", "?dossier=0"} {
		h.get(t, "/journal"+bad).is(422, "invalid-input")
	}
	h.get(t, "/journal?cursor=x").is(400, "bad-request") // as in every list
	// The journal names every letter of the town: the right is its own.
	manager := "Bearer " + h.newKey(t, "Annuaire", dossiers.ScopeOrganisationManage, dossiers.ScopeOrganisationRead)
	h.get(t, "/journal", "Authorization", manager).is(403, "insufficient-scope")
	h.get(t, "/journal/export", "Authorization", manager).is(403, "insufficient-scope")

	export := h.get(t, "/journal/export").is(200)
	if town, head, err := journal.VerifyExport(bytes.NewReader(export.body)); err != nil || town != h.Tenant.SIRET || head.Seq < all.Data[0].Seq {
		t.Errorf("the export does not verify: %s, %d, %v", town, head.Seq, err)
	}
}
