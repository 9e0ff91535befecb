package maarch

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"

	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/internal/compat"
)

// What became of a step, in the client's terms.
const (
	validated   = "VAL"
	refused     = "REF"
	interrupted = "STOP" // the letter was taken back
	passed      = "END"  // nothing to do here
)

// find reads the document of a path: one that this connector made.
func (f facade) find(c *compat.Caller) (dossiers.Dossier, dossiers.Origin, error) {
	ctx, n := c.R.Context(), number(c.R)
	if n < 1 {
		return dossiers.Dossier{}, dossiers.Origin{}, dossiers.ErrNotFound
	}
	found, _, err := f.Office.Search(ctx, c.Viewer, dossiers.Filter{Number: n}, dossiers.Page{Limit: 1})
	if err != nil {
		return dossiers.Dossier{}, dossiers.Origin{}, err
	}
	if len(found) == 0 {
		return dossiers.Dossier{}, dossiers.Origin{}, fmt.Errorf("document %d: %w", n, dossiers.ErrNotFound)
	}
	return f.Office.Origin(ctx, c.Connected, found[0].ID)
}

// A workflowStep is one line of the answer to a poll.
type workflowStep struct {
	UserID      int64   `json:"userId"`
	UserDisplay string  `json:"userDisplay"`
	Mode        string  `json:"mode"`
	Order       int     `json:"order"`
	Status      *string `json:"status"`
	Note        *string `json:"note"`
	ProcessDate *string `json:"processDate"`
}

func (f facade) workflow(c *compat.Caller) error {
	d, origin, err := f.find(c)
	if err != nil {
		return f.unknown(c, err)
	}
	people, err := f.Office.Signatories(c.R.Context(), c.Connected)
	if err != nil {
		return err
	}
	var kept sent
	if err := json.Unmarshal(origin.Sent, &kept); err != nil {
		return fmt.Errorf("what was sent of %s: %w", d.ID, err)
	}
	return answer(c, map[string]any{"workflow": f.lines(c, d, kept, people)})
}

// unknown answers 400 for a document that is not there: the client knows no
// other status for it.
func (f facade) unknown(c *compat.Caller, err error) error {
	if !errors.Is(err, dossiers.ErrNotFound) {
		return err
	}
	refusePolled(c.W, c.R, http.StatusBadRequest, "Ce document n’existe pas dans le parapheur, ou pas pour ce compte.")
	return nil
}

// lines says where a dossier is, step by step.
func (f facade) lines(c *compat.Caller, d dossiers.Dossier, kept sent, people []dossiers.Signatory) []workflowStep {
	out := []workflowStep{}
	modes := map[circuits.Kind]string{circuits.Signature: "sign", circuits.Seal: "sign", circuits.Opinion: "note"}
	statuses := statuses(d.State)
	for i, st := range d.State.Circuit.Steps {
		line := workflowStep{Mode: modes[st.Kind], Order: i + 1}
		if line.Mode == "" {
			line.Mode = "visa"
		}
		if i < len(kept.Steps) {
			line.UserID, line.Mode = kept.Steps[i].User, kept.Steps[i].Mode
		}
		if k := slices.IndexFunc(people, func(s dossiers.Signatory) bool {
			return s.Number == line.UserID || line.UserID == 0 && s.Desk == st.Desk && s.Desk != ""
		}); k >= 0 {
			line.UserID, line.UserDisplay = people[k].Number, people[k].Person.Name()
		}
		if statuses[i] != "" {
			line.Status = &statuses[i]
			f.decided(c, d.State, i, &line)
		}
		out = append(out, line)
	}
	return out
}

// decided adds to a line who decided, when, and what they said.
func (f facade) decided(c *compat.Caller, s circuits.State, i int, line *workflowStep) {
	at := s.Steps[i].OpenedAt
	for _, x := range slices.Backward(s.Decisions) {
		if x.Step != i || x.Standing != circuits.Holds && x.Standing != circuits.Maintained {
			continue
		}
		line.UserDisplay, at = x.By.Name, x.At
		note := x.Reason
		if x.Advice != nil {
			note = x.Advice.Text
		}
		if note != "" {
			line.Note = &note
		}
		break
	}
	if !at.IsZero() {
		day := f.local(c, at).Format("02-01-2006 15:04") // shown as it is
		line.ProcessDate = &day
	}
}

func (f facade) local(c *compat.Caller, at time.Time) time.Time {
	return at.In(f.Office.LocationOf(c.Tenant.Territory))
}

// statuses are what the client is told of each step. The last one is over once
// the dossier is: until then the signed letter could not be fetched.
func statuses(s circuits.State) []string {
	out := make([]string, len(s.Circuit.Steps))
	over := s.Phase == circuits.Withdrawn || s.SupersededBy != ""
	stopped := false
	for i := range min(len(out), len(s.Steps)) {
		switch st := s.Steps[i].Status; {
		case st == circuits.Done:
			out[i] = validated
		case st == circuits.Rejects:
			out[i], stopped = refused, true
		case st == circuits.Skipped || st == circuits.Bypassed:
			out[i] = passed
		case over && !stopped:
			out[i], stopped = interrupted, true
		}
	}
	if s.Phase == circuits.Refused && !stopped {
		for _, x := range slices.Backward(s.Decisions) {
			if x.Verdict == circuits.Refuses && x.Step >= 0 && x.Step < len(out) {
				out[x.Step] = refused
				break
			}
		}
	}
	if last := len(out) - 1; s.Phase == circuits.Running && last >= 0 {
		out[last] = ""
	}
	return out
}

// content answers the letter as it stands: signed, once it is.
func (f facade) content(c *compat.Caller) error {
	d, _, err := f.find(c)
	if err != nil {
		return f.unknown(c, err)
	}
	doc, err := f.Office.Content(c.R.Context(), c.Viewer, d.ID, 1, "")
	if err != nil {
		return err
	}
	defer doc.Close() //nolint:errcheck // read only
	out := &stream{c: c, head: `{"encodedDocument":"`}
	_, err = io.Copy(out, doc)
	return out.end(err, `"}`)
}

// proof answers the evidence file, which the client keeps with the mail.
func (f facade) proof(c *compat.Caller) error {
	d, _, err := f.find(c)
	if err != nil {
		return f.unknown(c, err)
	}
	out := &stream{c: c, head: `{"format":"zip","encodedProofDocument":"`}
	return out.end(f.Office.Evidence(c.R.Context(), c.Viewer, d.ID, out), `"}`)
}

// A listed is one line of the list of documents.
type listed struct {
	ID           int64  `json:"id"`
	Title        string `json:"title"`
	Reference    string `json:"reference"`
	Mode         string `json:"mode"`
	Owner        bool   `json:"owner"`
	CreationDate string `json:"creationDate"`
	Sender       string `json:"sender"`
}

const (
	maxListed  = 100 // lines answered
	maxScanned = 400 // dossiers under way looked at
)

// documents lists what waits for a user, among what this connector made.
func (f facade) documents(c *compat.Caller) error {
	people, err := f.Office.Signatories(c.R.Context(), c.Connected)
	if err != nil {
		return err
	}
	query := c.R.URL.Query()
	limit, err := strconv.Atoi(query.Get("limit"))
	if err != nil || limit < 1 || limit > maxListed {
		limit = maxListed
	}
	list, count := []listed{}, map[string]int{"visa": 0, "sign": 0, "note": 0, "current": 0}
	k := slices.IndexFunc(people, func(s dossiers.Signatory) bool { return strconv.FormatInt(s.Number, 10) == query.Get("userId") })
	if k < 0 {
		refuse(c.W, c.R, http.StatusBadRequest, "Cet utilisateur n’existe pas dans le parapheur.")
		return nil
	}
	err = f.waiting(c, people[k], func(d dossiers.Dossier, mode string, kept sent) {
		count[mode]++
		count["current"]++
		if len(list) < limit {
			list = append(list, listed{
				ID: d.Number, Title: d.Title, Reference: kept.Reference, Mode: mode, Owner: true,
				CreationDate: f.local(c, d.CreatedAt).Format(time.DateTime), Sender: kept.Sender,
			})
		}
	})
	if err != nil {
		return err
	}
	return answer(c, map[string]any{"documents": list, "count": count})
}

// waiting goes through what waits for a user.
func (f facade) waiting(c *compat.Caller, who dossiers.Signatory, each func(d dossiers.Dossier, mode string, kept sent)) error {
	page := dossiers.Page{Limit: 100}
	for seen := 0; seen < maxScanned; {
		found, next, err := f.Office.Search(c.R.Context(), c.Viewer, dossiers.Filter{Phase: circuits.Running}, page)
		if err != nil {
			return err
		}
		for _, d := range found {
			turns := d.State.OpenTurns()
			i := slices.IndexFunc(turns, func(t circuits.OpenTurn) bool {
				return t.Person == who.Person.ID || t.Person == "" && t.Desk == who.Desk && who.Desk != ""
			})
			if i < 0 {
				continue
			}
			_, o, err := f.Office.Origin(c.R.Context(), c.Connected, d.ID)
			if errors.Is(err, dossiers.ErrNotFound) {
				continue
			}
			var kept sent
			if err == nil {
				err = json.Unmarshal(o.Sent, &kept)
			}
			if err != nil {
				return err
			}
			mode := "visa"
			if at := turns[i].Step; at < len(kept.Steps) {
				mode = kept.Steps[at].Mode
			}
			each(d, mode, kept)
		}
		if seen += len(found); next == "" {
			return nil
		}
		page.After = next
	}
	return nil
}
