package iparapheur

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/internal/compat"
)

// simple is a request that carries one text.
func simple(r request) (string, error) {
	var in struct {
		Text string `xml:",chardata"`
	}
	err := r.decode(&in)
	return in.Text, err
}

// echo answers what it was told, accents included.
func (f facade) echo(c *compat.Caller, r request) (answer, error) {
	said, err := simple(r)
	return answer{text: escape("[" + c.Connector.Login + "] " + said)}, err
}

func (f facade) types(c *compat.Caller, _ request) (out answer, err error) {
	all, err := f.families(c)
	for _, x := range all {
		out.text += element("TypeTechnique", x.name)
	}
	return out, err
}

func (f facade) subTypes(c *compat.Caller, r request) (out answer, err error) {
	name, err := simple(r)
	if err != nil {
		return out, err
	}
	all, err := f.families(c)
	if err != nil {
		return out, err
	}
	fam, _ := named(all, name)
	for _, code := range slices.Sorted(maps.Keys(fam.subTypes)) {
		out.text += element("SousType", code)
	}
	return out, nil
}

// find reads a dossier by the client's name of it, byte for byte, or without
// the blanks that some write around it.
func (f facade) find(c *compat.Caller, id string) (d dossiers.Dossier, o dossiers.Origin, kept sent, err error) {
	ctx := c.R.Context()
	found, err := f.Office.Named(ctx, c.Connected, id)
	if errors.Is(err, dossiers.ErrNotFound) {
		found, err = f.Office.Named(ctx, c.Connected, strings.TrimSpace(id))
	}
	if err == nil {
		d, o, err = f.Office.Origin(ctx, c.Connected, found)
	}
	if errors.Is(err, dossiers.ErrNotFound) {
		return d, o, kept, invalid("id", "Le dossier « "+compat.Line(id)+" » est inconnu du parapheur, ou de ce compte.")
	}
	if err == nil {
		err = json.Unmarshal(o.Sent, &kept)
	}
	return d, o, kept, err
}

// A logLine is one line of the history.
type logLine struct {
	at                time.Time
	who, status, note string
}

// States of a line. The first three say that the client waits.
const (
	unread   = "NonLu"
	read     = "Lu"
	underWay = "EnCoursVisa"
	approved = "Vise"
	signed   = "Signe"
	sealed   = "CachetOK"
	archived = "Archive"
)

func (f facade) history(c *compat.Caller, r request) (answer, error) {
	id, err := simple(r)
	if err != nil {
		return answer{}, err
	}
	d, _, _, err := f.find(c, id)
	if err != nil {
		return answer{}, err
	}
	var b strings.Builder
	for _, l := range story(d) {
		b.WriteString("<LogDossier>" + element("timestamp", f.stamp(c, l.at)) + element("nom", l.who) + element("status", l.status) +
			element("annotation", l.note) + element("accessible", "OK") + "</LogDossier>")
	}
	return answer{text: b.String() + outcome("")}, nil
}

func (f facade) stamp(c *compat.Caller, at time.Time) string {
	return at.In(f.Office.LocationOf(c.Tenant.Territory)).Format("2006-01-02T15:04:05.000Z07:00")
}

// story is the history in the client's terms. Two lines at least, since PHP
// makes an object of a single one. Until the circuit is over every line says
// that it is under way: one client takes a visa for the end, whatever follows.
func story(d dossiers.Dossier) []logLine {
	s := d.State
	by := d.Application
	lines := []logLine{{d.CreatedAt, by, unread, "Dossier créé"}, {d.CreatedAt, by, unread, "Dossier émis"}}
	for _, x := range s.Reads {
		lines = append(lines, logLine{x.At, "Parapheur", read, "Lettre lue"})
	}
	last := len(s.Decisions) - 1
	for i, x := range s.Decisions {
		line := logLine{x.At, x.By.Name, underWay, said(x)}
		counts := x.Standing == circuits.Holds || x.Standing == circuits.Maintained
		switch {
		case x.Verdict == circuits.Refuses && i == last && s.Phase == circuits.Refused:
			line.status = rejection(s, x)
		case counts && s.Phase == circuits.Completed:
			line.status = accomplished(x.Verdict)
		}
		lines = append(lines, line)
	}
	switch s.Phase {
	case circuits.Completed:
		lines = append(ensureSigned(lines), logLine{d.UpdatedAt, "Parapheur", archived, "Circuit terminé"})
	case circuits.Withdrawn:
		lines = append(lines, logLine{d.UpdatedAt, "Parapheur", "RejetVisa", "Dossier retiré de son circuit"})
	case circuits.Draft, circuits.Running, circuits.Refused:
	}
	return lines
}

// ensureSigned has one line that says signed in the history of a dossier that
// is over: a client that reads no further than its states waits for it, even
// where the town's seal is all that was put.
func ensureSigned(lines []logLine) []logLine {
	if !slices.ContainsFunc(lines, func(l logLine) bool { return l.status == signed }) {
		lines[len(lines)-1].status = signed
	}
	return lines
}

func accomplished(v circuits.Verdict) string {
	if v == circuits.Signs {
		return signed
	}
	if v == circuits.Seals {
		return sealed
	}
	return approved
}

func rejection(s circuits.State, x circuits.Decision) string {
	if x.Step >= 0 && x.Step < len(s.Circuit.Steps) {
		switch s.Circuit.Steps[x.Step].Kind {
		case circuits.Signature:
			return "RejetSignataire"
		case circuits.Seal:
			return "RejetCachet"
		case circuits.Visa, circuits.Opinion, circuits.External, circuits.Information:
		}
	}
	return "RejetVisa"
}

// said puts a decision in words: its own, or what it was.
func said(x circuits.Decision) string {
	words := map[circuits.Verdict]string{
		circuits.GivesVisa: "Visa", circuits.Signs: "Signature", circuits.Refuses: "Refus", circuits.Seals: "Cachet", circuits.Advises: "Avis",
		circuits.Records: "Acte fait hors du parapheur", circuits.Bypasses: "Étape contournée",
	}
	note := words[x.Verdict]
	if x.Standing == circuits.Lapsed || x.Standing == circuits.Undone {
		note += " (repris)"
	}
	if x.Reason != "" {
		note += " : " + x.Reason
	}
	if x.Advice != nil && x.Advice.Text != "" {
		note += " : " + x.Advice.Text
	}
	return note
}

// dossier answers a dossier with its documents: those that the client sent as
// annexes first, since a client skips as many; the evidence; the slip, which a
// client takes to be the last.
func (f facade) dossier(c *compat.Caller, r request) (answer, error) {
	id, err := simple(r)
	if err != nil {
		return answer{}, err
	}
	d, o, kept, err := f.find(c, id)
	if err != nil {
		return answer{}, err
	}
	p := &parcel{d: d}
	if err := p.gather(c, f); err != nil {
		return answer{}, errors.Join(err, p.Close())
	}
	deadline := `<DateLimite xsi:nil="true"/>`
	if kept.Deadline != "" {
		deadline = element("DateLimite", kept.Deadline)
	}
	head := element("TypeTechnique", kept.Type) + element("SousType", kept.SubType) + element("DossierID", o.Identifier) +
		element("Visibilite", kept.Visibility) + deadline
	tail := "<MetaDonnees>" + metadatum("ph:dossierTitre", d.Title)
	for _, m := range kept.Metadata {
		tail += metadatum(m.Nom, m.Valeur)
	}
	tail += "</MetaDonnees>" + outcome("")
	return answer{text: tail, stream: func(w io.Writer) error {
		defer p.Close() //nolint:errcheck // read only
		if _, err := io.WriteString(w, head); err != nil {
			return err
		}
		return p.write(w)
	}}, nil
}

func metadatum(name, value string) string {
	return "<MetaDonnee>" + element("nom", name) + element("valeur", value) + "</MetaDonnee>"
}

// A parcel is everything that GetDossier answers, open before a byte is sent.
type parcel struct {
	d        dossiers.Dossier
	docs     []*dossiers.Content // the letter, then the annexes
	evidence *os.File
	slip     bytes.Buffer
}

// Close releases what is open.
func (p *parcel) Close() error {
	var errs []error
	for _, d := range p.docs {
		errs = append(errs, d.Close())
	}
	if p.evidence != nil {
		errs = append(errs, p.evidence.Close(), os.Remove(p.evidence.Name()))
	}
	p.docs, p.evidence = nil, nil
	return errors.Join(errs...)
}

func (p *parcel) gather(c *compat.Caller, f facade) error {
	ctx := c.R.Context()
	for _, doc := range p.d.Documents {
		open, err := f.Office.Content(ctx, c.Viewer, p.d.ID, doc.N, "")
		if err != nil {
			return err
		}
		p.docs = append(p.docs, open)
	}
	if _, err := f.Office.Slip(ctx, c.Viewer, p.d.ID, &p.slip); err != nil {
		return err
	}
	return p.prove(ctx, c, f)
}

func (p *parcel) prove(ctx context.Context, c *compat.Caller, f facade) (err error) {
	if p.evidence, err = os.CreateTemp(f.Spool, "connecteur-*"); err != nil {
		return fmt.Errorf("spool the evidence: %w", err)
	}
	if err := f.Office.Evidence(ctx, c.Viewer, p.d.ID, p.evidence); err != nil {
		return err
	}
	_, err = p.evidence.Seek(0, io.SeekStart)
	return err
}

// write writes the documents.
func (p *parcel) write(w io.Writer) error {
	if err := inBase64(w, `<DocPrincipal xmime:contentType="application/pdf">`, p.docs[0], "</DocPrincipal>"+element("NomDocPrincipal", p.d.Main().Name)+"<DocumentsAnnexes>"); err != nil {
		return err
	}
	for _, a := range p.docs[1:] {
		if err := annex(w, a.Name, "application/pdf", a); err != nil {
			return err
		}
	}
	if err := annex(w, "preuve.zip", "application/zip", p.evidence); err != nil {
		return err
	}
	if err := annex(w, "bordereau.pdf", "application/pdf", &p.slip); err != nil {
		return err
	}
	_, err := io.WriteString(w, "</DocumentsAnnexes>")
	return err
}

func annex(w io.Writer, name, kind string, r io.Reader) error {
	return inBase64(w, "<DocAnnexe>"+element("nom", name)+`<fichier xmime:contentType="`+kind+`">`, r,
		"</fichier>"+element("mimetype", kind)+element("encoding", "UTF-8")+"</DocAnnexe>")
}

func inBase64(w io.Writer, before string, r io.Reader, after string) error {
	if _, err := io.WriteString(w, before); err != nil {
		return err
	}
	enc := base64.NewEncoder(base64.StdEncoding, w)
	if _, err := io.Copy(enc, r); err != nil {
		return err
	}
	if err := enc.Close(); err != nil {
		return err
	}
	_, err := io.WriteString(w, after)
	return err
}

// archive lets go of a dossier that is over: whether the client says archive
// or erase, it is hidden from the client and stays where it is.
func (f facade) archive(c *compat.Caller, r request) (answer, error) {
	var in struct {
		XMLName                    xml.Name
		DossierID, ArchivageAction string
	}
	if err := r.decode(&in); err != nil {
		return answer{}, err
	}
	if a := strings.TrimSpace(in.ArchivageAction); a != "ARCHIVER" && a != "EFFACER" {
		return answer{}, invalid("action", "ArchivageAction vaut ARCHIVER ou EFFACER.")
	}
	id, err := f.release(c, in.DossierID, false)
	if err != nil {
		return answer{}, err
	}
	return answer{text: element("URL", strings.TrimSuffix(c.Tenant.Origin, "/")+"/dossiers/"+string(id)) + outcome("")}, nil
}

// eraseRefused lets go of a dossier that was refused or taken back.
func (f facade) eraseRefused(c *compat.Caller, r request) (answer, error) {
	id, err := simple(r)
	if err != nil {
		return answer{}, err
	}
	_, err = f.release(c, id, true)
	return answer{text: outcome("")}, err
}

// release hides a dossier from the client, once: asked again, since an answer
// may be lost, it says yes again.
func (f facade) release(c *compat.Caller, id string, rejected bool) (dossiers.ID, error) {
	d, _, _, err := f.find(c, id)
	if err != nil {
		gone, lookup := f.Office.Named(c.R.Context(), c.Connected, id)
		if lookup == nil && f.Office.Release(c.R.Context(), c.Connected, gone) == nil {
			return gone, nil
		}
		return "", err
	}
	if p := d.State.Phase; rejected && p != circuits.Refused && p != circuits.Withdrawn {
		return "", invalid("id", "Ce dossier n’est pas rejeté.")
	}
	err = f.Office.Release(c.R.Context(), c.Connected, d.ID)
	if errors.Is(err, circuits.ErrState) {
		err = invalid("id", "Ce dossier est encore dans son circuit.")
	}
	return d.ID, err
}

// retract takes a dossier back, as long as nobody decided on it.
func (f facade) retract(c *compat.Caller, r request) (answer, error) {
	id, err := simple(r)
	if err != nil {
		return answer{}, err
	}
	d, _, _, err := f.find(c, id)
	if err != nil {
		return answer{}, err
	}
	_, err = f.Office.Retract(c.R.Context(), c.Connected, d.ID, "Droit de remords exercé par "+c.Application.Name)
	if errors.Is(err, circuits.ErrActed) || errors.Is(err, circuits.ErrState) || errors.Is(err, dossiers.ErrConflict) {
		err = invalid("id", "Il est trop tard pour reprendre ce dossier : quelqu’un a déjà agi.")
	}
	return answer{text: outcome("")}, err
}
