package web

import (
	"net/http"
	"net/url"
	"strconv"

	"parapheur/circuits"
	"parapheur/dossiers"
)

// binLabel is the name of a bin on the screen.
func binLabel(b dossiers.Bin) string {
	switch b {
	case dossiers.BinToDo:
		return "À traiter"
	case dossiers.BinLate:
		return "En retard"
	case dossiers.BinDelegated:
		return "En délégation"
	case dossiers.BinPrepared:
		return "À préparer"
	case dossiers.BinUndoable:
		return "Récupérables"
	case dossiers.BinReturned:
		return "Rejetés"
	case dossiers.BinDrafts:
		return "Brouillons"
	case dossiers.BinFollowed:
		return "Suivis"
	case dossiers.BinCompleted:
		return "En fin de circuit"
	}
	return string(b)
}

// binKind is the colour of a counter; the word beside it says the same.
func binKind(b dossiers.Bin) string {
	switch b {
	case dossiers.BinToDo:
		return "todo"
	case dossiers.BinLate:
		return "late"
	case dossiers.BinDelegated:
		return "deleg"
	case dossiers.BinDrafts:
		return "draft"
	case dossiers.BinCompleted:
		return "ended"
	case dossiers.BinReturned:
		return "back"
	case dossiers.BinPrepared, dossiers.BinUndoable, dossiers.BinFollowed:
	}
	return ""
}

// inTray reports whether what a bin lists waits for its reader.
func inTray(b dossiers.Bin) bool {
	return b == dossiers.BinToDo || b == dossiers.BinLate || b == dossiers.BinDelegated || b == dossiers.BinPrepared
}

// bins is / and /bannettes.
func (s *server) bins(v *visit, w http.ResponseWriter, r *http.Request) error {
	counts, err := s.Office.Bins(r.Context(), v.viewer)
	if err != nil {
		return err
	}
	bin, ok := chosenBin(*v.viewer.Person, counts, r.URL.Query().Get("bannette"))
	if !ok {
		return dossiers.ErrNotFound
	}
	rows, after, err := s.Office.List(r.Context(), v.viewer, bin, dossiers.Page{After: r.URL.Query().Get("apres"), Limit: 50})
	if err != nil {
		return err
	}
	p := newBinsPage(*v.viewer.Person, bin, counts, rows, s.calendar(v))
	p.frame = s.frame(v, p.BinLabel, "bannettes")
	if p.Alerts, err = s.keyAlerts(v, r); err != nil {
		return err
	}
	if p.Activate, err = s.activations(v, r); err != nil {
		return err
	}
	p.Said = saidDone(r.URL.Query().Get("fait"))
	if p.Away, err = s.away(v, r); err != nil {
		return err
	}
	p.Live, p.Scripts = "*", []string{"js/bins.js"}
	if after != "" {
		p.More = "/bannettes?" + url.Values{"bannette": {string(bin)}, "apres": {after}}.Encode()
	}
	return s.show(w, r, http.StatusOK, p)
}

// chosenBin returns the bin that was asked for, or the one to open: what
// waits for the person, else what came back to them, else what they follow.
func chosenBin(p dossiers.Person, counts map[dossiers.Bin]int, asked string) (dossiers.Bin, bool) {
	for _, b := range dossiers.Bins() {
		if string(b) == asked {
			return b, true
		}
	}
	if asked != "" {
		return "", false
	}
	switch {
	case counts[dossiers.BinToDo] > 0 || len(p.Seats) > 0 && counts[dossiers.BinDelegated] == 0:
		return dossiers.BinToDo, true
	case counts[dossiers.BinDelegated] > 0:
		return dossiers.BinDelegated, true
	case counts[dossiers.BinPrepared] > 0 || len(p.Prepares) > 0:
		return dossiers.BinPrepared, true
	case counts[dossiers.BinReturned] > 0:
		return dossiers.BinReturned, true
	case counts[dossiers.BinDrafts] > 0:
		return dossiers.BinDrafts, true
	}
	return dossiers.BinFollowed, true
}

// newBinsPage fills the page, but for its frame.
func newBinsPage(who dossiers.Person, bin dossiers.Bin, counts map[dossiers.Bin]int, rows []dossiers.Row, c calendar) *binsPage {
	p := &binsPage{Bin: string(bin), BinLabel: binLabel(bin), Actor: string(who.ID)}
	p.Heading, p.Lead = greeting(who, bin, counts, rows, c)
	p.Bins = dividers(who, bin, counts)
	p.Groups = groups(bin, rows, c)
	for _, g := range p.Groups {
		for i := range g.Rows {
			if p.First == nil {
				p.First = &g.Rows[i]
			}
			p.Batch = p.Batch || g.Rows[i].Decision != ""
		}
	}
	if len(rows) == 0 {
		p.Empty = nothing(bin, counts)
	}
	return p
}

// dividers lists the bins that concern the person: those with something in
// them, and those of what they do here.
func dividers(who dossiers.Person, current dossiers.Bin, counts map[dossiers.Bin]int) []binLink {
	var out []binLink
	for _, b := range dossiers.Bins() {
		n := counts[b]
		mine := map[dossiers.Bin]bool{
			dossiers.BinToDo: len(who.Seats) > 0, dossiers.BinLate: false, dossiers.BinDelegated: false, dossiers.BinPrepared: len(who.Prepares) > 0,
			dossiers.BinUndoable: len(who.Seats) > 0, dossiers.BinReturned: who.Drafter, dossiers.BinDrafts: who.Drafter,
			dossiers.BinFollowed: true, dossiers.BinCompleted: true,
		}[b]
		if n > 0 || mine || b == current {
			out = append(out, binLink{Code: string(b), Label: binLabel(b), Kind: binKind(b), Count: counted(b, n), Current: b == current})
		}
	}
	for i := range out {
		out[i].Rest = i > 2 && !out[i].Current
	}
	return out
}

// counted says how many letters a bin has, as far as they are counted.
func counted(b dossiers.Bin, n int) string {
	if most := b.Counted(); n >= most {
		return strconv.Itoa(most-1) + "+"
	}
	return strconv.Itoa(n)
}

// greeting is the sentence at the head of the in-tray.
func greeting(who dossiers.Person, bin dossiers.Bin, counts map[dossiers.Bin]int, rows []dossiers.Row, c calendar) (heading, lead string) {
	name, n := address(who), counts[dossiers.BinToDo]
	if bin != dossiers.BinToDo {
		lead = ""
		if n > 0 {
			lead = count(n, "lettre attend", "lettres attendent") + " votre décision."
		}
		return binLabel(bin), lead
	}
	if n == 0 {
		return name + ", tout est à jour", "Rien n’attend votre décision."
	}
	heading = name + ", " + count(n, "lettre", "lettres") + " " + whatToDo(rows)
	if late := counts[dossiers.BinLate]; late > 0 {
		return heading + ", dont " + number(int64(late)) + " en retard", waitingSince(rows, c)
	}
	return heading, waitingSince(rows, c)
}

// whatToDo is the verb of the letters that wait, when they have one.
func whatToDo(rows []dossiers.Row) string {
	signs, visas := 0, 0
	for _, row := range rows {
		switch {
		case row.Asked:
		case row.StepKind == circuits.Signature:
			signs++
		case row.StepKind == circuits.Visa:
			visas++
		}
	}
	switch {
	case signs == len(rows):
		return "à signer"
	case visas == len(rows):
		return "à viser"
	}
	return "à traiter"
}

// waitingSince tells how long the oldest letter has waited.
func waitingSince(rows []dossiers.Row, c calendar) string {
	if len(rows) == 0 {
		return ""
	}
	oldest := rows[0].Since
	for _, row := range rows {
		if row.Since.Before(oldest) {
			oldest = row.Since
		}
	}
	if len(rows) == 1 {
		return "Elle attend " + c.since(oldest) + "."
	}
	return "La plus ancienne attend " + c.since(oldest) + "."
}

// groups puts what waits in order of age; other bins are one group.
func groups(bin dossiers.Bin, rows []dossiers.Row, c calendar) []letterGroup {
	if len(rows) == 0 {
		return nil
	}
	if !inTray(bin) {
		g := letterGroup{Title: binLabel(bin)}
		for _, row := range rows {
			g.Rows = append(g.Rows, newLetterRow(bin, row, c))
		}
		return []letterGroup{g}
	}
	all := []letterGroup{{Title: "Depuis plus d’une semaine", Late: true}, {Title: "Ces derniers jours"}, {Title: "Aujourd’hui"}}
	for _, row := range rows {
		i := 1
		switch days := c.days(row.Since); {
		case days >= 7:
			i = 0
		case days <= 0:
			i = 2
		}
		all[i].Rows = append(all[i].Rows, newLetterRow(bin, row, c))
	}
	var out []letterGroup
	for _, g := range all {
		if len(g.Rows) > 0 {
			out = append(out, g)
		}
	}
	return out
}

// newLetterRow tells one letter of a list.
func newLetterRow(bin dossiers.Bin, d dossiers.Row, c calendar) letterRow {
	id := string(d.ID)
	row := letterRow{
		ID: id, URL: inBin("/dossiers/"+id, bin), Title: d.Title, Recipient: to(d.Recipient), By: named(d.DrafterName, d.TypeName),
		Where: whereabouts(d, c), Image: "/dossiers/" + id + "/documents/1/pages/1.png", Ask: ask(bin, d),
	}
	if d.Phase == circuits.Refused {
		row.Motive = d.LastRefusal
	}
	if bin == dossiers.BinToDo || bin == dossiers.BinLate || bin == dossiers.BinDelegated {
		row.Unread = !d.Opened
		// A gesture over several letters gives visas and signatures: what asks
		// for words is decided one by one.
		if v := d.StepKind.Verdict(); !d.Asked && (v == circuits.GivesVisa || v == circuits.Signs) {
			row.Decision = string(v)
		}
	}
	row.Tags = rowTags(bin, d, c)
	return row
}

func rowTags(bin dossiers.Bin, d dossiers.Row, c calendar) []tag {
	var tags []tag
	if d.For != "" {
		tags = append(tags, tag{"deleg", "users", "Pour " + d.For})
	}
	if d.Asked {
		tags = append(tags, tag{"deleg", "message-square", "Avis demandé"})
	}
	switch waits := inTray(bin); {
	case d.Late:
		tags = append(tags, tag{"late", "triangle-alert", "En retard, attendu " + c.dayOf(d.Due)})
	case !d.Due.IsZero() && d.Phase == circuits.Running:
		tags = append(tags, tag{"", "calendar", "Pour " + c.dayOf(d.Due)})
	case waits && c.days(d.Since) >= 7:
		tags = append(tags, tag{"late", "triangle-alert", "Attend " + c.since(d.Since)})
	case waits:
		tags = append(tags, tag{"", "clock", c.since(d.Since)})
	}
	if d.Awaiting != "" {
		text, _, _ := awaiting(d.Awaiting)
		tags = append(tags, tag{"late", "hourglass", text})
	}
	if d.Annexes > 0 {
		tags = append(tags, tag{"", "paperclip", count(d.Annexes, "annexe", "annexes")})
	}
	if inTray(bin) && bin != dossiers.BinPrepared && !d.Opened {
		tags = append(tags, tag{"new", "mail", "Pas encore ouverte"})
	}
	if d.Phase == circuits.Completed {
		tags = append(tags, tag{"ok", "circle-check", "Signée"})
	}
	return append(tags, tag{"", "", "n°" + nbsp + strconv.FormatInt(d.Number, 10)})
}

// whereabouts says where a letter stands, in a few words.
func whereabouts(d dossiers.Row, c calendar) string {
	switch d.Phase {
	case circuits.Draft:
		return "Brouillon, " + c.moment(d.UpdatedAt)
	case circuits.Refused:
		by := ""
		if d.LastDecidedBy != "" {
			by = " par " + d.LastDecidedBy
		}
		return "Refusée" + by + ", " + c.moment(d.UpdatedAt)
	case circuits.Withdrawn:
		return "Retirée du circuit, " + c.moment(d.UpdatedAt)
	case circuits.Completed:
		return "Circuit terminé, " + c.moment(d.UpdatedAt)
	case circuits.Running: // below: it depends on the step
	}
	where := "Étape " + strconv.Itoa(d.Step) + " sur " + strconv.Itoa(d.Steps)
	if d.StepTitle != "" {
		where += nbsp + ": " + d.StepTitle
	}
	if d.LastDecidedBy != "" {
		where += ", après " + d.LastDecidedBy
	}
	return where
}

// ask says what the preview expects of the viewer.
func ask(bin dossiers.Bin, d dossiers.Row) string {
	if !inTray(bin) || bin == dossiers.BinPrepared {
		return ""
	}
	act := map[circuits.Kind]string{
		circuits.Visa: "votre visa", circuits.Signature: "votre signature", circuits.Seal: "le cachet", circuits.Opinion: "votre avis",
		circuits.External: "un acte à enregistrer",
	}[d.StepKind]
	if d.Asked {
		act = "votre avis, demandé par qui décide"
	}
	return "Étape " + strconv.Itoa(d.Step) + " sur " + strconv.Itoa(d.Steps) + nbsp + ": " + act
}

// nothing says that a bin is empty.
func nothing(bin dossiers.Bin, counts map[dossiers.Bin]int) *emptyList {
	e := &emptyList{Icon: "inbox", Title: "Rien dans «\u00a0" + binLabel(bin) + "\u00a0»", Text: "Les lettres y apparaîtront d’elles-mêmes."}
	switch bin {
	case dossiers.BinToDo:
		e.Icon, e.Title, e.Text = "circle-check", "Votre bannette est à jour", "Rien n’attend votre décision. La page se met à jour d’elle-même."
	case dossiers.BinReturned:
		e.Title, e.Text = "Aucune lettre refusée", "Une lettre refusée revient ici, avec son motif, pour être corrigée."
	case dossiers.BinDrafts:
		e.Title, e.Text, e.URL, e.Action = "Aucun brouillon", "Une lettre gardée en brouillon attend ici avant de partir.", "/deposer", "Déposer une lettre"
	case dossiers.BinUndoable:
		e.Title, e.Text = "Aucune décision à reprendre", "Un visa ou un refus se reprend tant que personne n’a agi ensuite."
	case dossiers.BinLate:
		e.Icon, e.Title, e.Text = "circle-check", "Rien n’est en retard", "Les lettres dont l’échéance est passée apparaîtraient ici."
	case dossiers.BinDelegated:
		e.Title, e.Text = "Rien à décider pour une autre personne", "Les lettres que vos délégations vous permettent de traiter apparaîtront ici."
	case dossiers.BinPrepared, dossiers.BinFollowed, dossiers.BinCompleted:
	}
	if n := counts[dossiers.BinFollowed]; e.URL == "" && n > 0 && bin != dossiers.BinFollowed {
		e.URL, e.Action = "/bannettes?bannette="+string(dossiers.BinFollowed), "Voir les lettres suivies ("+counted(dossiers.BinFollowed, n)+")"
	}
	return e
}
