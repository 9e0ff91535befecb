package iparapheur

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/internal/compat"
)

const (
	maxIdentifier = 255 // bytes of a client's name of a dossier
	maxTypeName   = 32
	maxSubType    = 64
)

// A creation is the request of CreerDossier, in any order.
type creation struct {
	TypeTechnique, SousType, EmailEmetteur, DossierID, DossierTitre string
	DocumentPrincipal                                               binary
	NomDocPrincipal                                                 string
	SignatureDocPrincipal                                           binary
	DocumentsSupplementaires, DocumentsAnnexes                      annexes
	MetaData                                                        struct{ MetaDonnee []metadata }
	XPathPourSignatureXML                                           string
	AnnotationPublique, AnnotationPrivee, Visibilite, DateLimite    string
	CircuitObligatoire                                              struct {
		Steps string `xml:",innerxml"`
	}
}

type annexes struct {
	DocAnnexe []struct {
		Nom      string `xml:"nom"`
		Fichier  binary `xml:"fichier"`
		Mimetype string `xml:"mimetype"`
	}
}

type metadata struct {
	Nom    string `xml:"nom" json:"name"`
	Valeur string `xml:"valeur" json:"value"`
}

// sent is kept of a deposit, to answer in the client's own terms.
type sent struct {
	Type       string     `json:"type"`
	SubType    string     `json:"sub_type"`
	Visibility string     `json:"visibility"`
	Deadline   string     `json:"deadline,omitempty"`
	Title      string     `json:"title,omitempty"`
	Metadata   []metadata `json:"metadata,omitempty"`
}

func invalid(field, why string) error { return &dossiers.InvalidError{Field: field, Reason: why} }

// typeName is a type of letters as clients know it: letters, digits and
// blanks, 32 at most.
func typeName(y dossiers.Type) string {
	plain := strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return ' '
	}, y.Name)
	plain = strings.Join(strings.Fields(plain), " ")
	if len([]rune(plain)) > maxTypeName {
		plain = strings.TrimSpace(string([]rune(plain)[:maxTypeName]))
	}
	return plain
}

// A family is a type with the names of its circuits.
type family struct {
	name     string
	setup    dossiers.TypeSetup
	subTypes map[string]circuits.Definition
}

// families lists the types under which a client may deposit.
func (f facade) families(c *compat.Caller) ([]family, error) {
	types, err := f.Office.Types(c.R.Context(), c.Viewer)
	if err != nil {
		return nil, err
	}
	var out []family
	for _, y := range types {
		setup, choices, err := f.Office.OpenType(c.R.Context(), c.Viewer, y.Code)
		if errors.Is(err, dossiers.ErrNotFound) {
			continue // not for this client
		}
		if err != nil {
			return nil, err
		}
		fam := family{name: typeName(y.Type), setup: setup, subTypes: map[string]circuits.Definition{}}
		for _, d := range choices {
			if c.Connector.Takes(d.Code) && len(d.Code) <= maxSubType {
				fam.subTypes[d.Code] = d
			}
		}
		for login, code := range c.Connector.Aliases {
			if d, ok := fam.subTypes[code]; ok {
				fam.subTypes[login] = d
			}
		}
		if len(fam.subTypes) > 0 {
			out = append(out, fam)
		}
	}
	return out, nil
}

// named finds a type by its name or its code.
func named(all []family, name string) (family, bool) {
	name = strings.TrimSpace(name)
	i := slices.IndexFunc(all, func(x family) bool { return strings.EqualFold(x.name, name) || x.setup.Code == name })
	if i < 0 {
		return family{}, false
	}
	return all[i], true
}

// create makes a dossier. Its name is what keeps a request sent twice from
// making two: the second is KO.
func (f facade) create(c *compat.Caller, r request) (answer, error) {
	var in creation
	if err := r.decode(&in); err != nil {
		return answer{}, err
	}
	if err := in.check(); err != nil {
		return answer{}, err
	}
	all, err := f.families(c)
	if err != nil {
		return answer{}, err
	}
	fam, ok := named(all, in.TypeTechnique)
	if !ok {
		return answer{}, invalid("type", "Le type « "+compat.Line(in.TypeTechnique)+" » n’existe pas, ou pas pour ce compte.")
	}
	circuit, ok := fam.subTypes[strings.TrimSpace(in.SousType)]
	if !ok {
		return answer{}, invalid("circuit", "Le sous-type « "+compat.Line(in.SousType)+" » n’existe pas sous le type « "+fam.name+" », ou pas pour ce compte.")
	}
	if !signs(circuit) {
		return answer{}, invalid("circuit", "Le circuit « "+circuit.Code+" » ne comporte aucune signature : votre logiciel attendrait la sienne sans fin.")
	}
	d, err := f.draft(c, r, in, fam)
	if err != nil {
		return answer{}, err
	}
	d.Circuit = &circuit
	made, err := compat.Deposit(c.R.Context(), f.Office, c.Connected, d)
	if errors.Is(err, dossiers.ErrReference) {
		return answer{}, invalid("id", "L’identifiant « "+compat.Line(d.Origin.Identifier)+" » est déjà celui d’un dossier.")
	}
	if err != nil {
		return answer{}, err
	}
	return answer{text: done("OK", fmt.Sprintf("Dossier n° %d envoyé dans son circuit.", made.Number), "INFO") + element("DossierID", d.Origin.Identifier)}, nil
}

// check refuses what a dossier here has no place for.
func (in *creation) check() error {
	switch {
	case len(in.DossierID) > maxIdentifier:
		return invalid("id", "L’identifiant du dossier est trop long.")
	case in.DocumentPrincipal.empty():
		return invalid("document", "Le document principal manque.")
	case !in.SignatureDocPrincipal.empty():
		return invalid("document", "Une signature détachée ne peut pas accompagner le document : les signatures se trouvent dans le PDF.")
	case len(in.DocumentsSupplementaires.DocAnnexe) > 0:
		return invalid("document", "Un dossier n’a qu’un document à signer : envoyez les autres en annexe, ou chacun dans son dossier.")
	case strings.TrimSpace(in.XPathPourSignatureXML) != "":
		return invalid("document", "La signature de XML n’est pas prise en charge.")
	case strings.TrimSpace(in.CircuitObligatoire.Steps) != "":
		return invalid("circuit", "Le circuit est celui du sous-type : CircuitObligatoire n’est pas pris en charge.")
	}
	return nil
}

// signs reports whether somebody signs along a circuit, or along what follows.
func signs(d circuits.Definition) bool {
	return d.Then != "" || slices.ContainsFunc(d.Steps, func(st circuits.Step) bool {
		return st.Kind == circuits.Signature || st.Kind == circuits.Seal
	})
}

func (f facade) draft(c *compat.Caller, r request, in creation, fam family) (d dossiers.Draft, err error) {
	kept := sent{
		Type: in.TypeTechnique, SubType: in.SousType, Visibility: visibility(in.Visibilite), Deadline: strings.TrimSpace(in.DateLimite),
		Title: in.DossierTitre, Metadata: in.MetaData.MetaDonnee,
	}
	id := in.DossierID
	if strings.TrimSpace(id) == "" {
		id = "parapheur-" + strings.ToLower(rand.Text()[:16])
	}
	given := map[string]string{}
	for _, m := range kept.Metadata {
		given[m.Nom] = m.Valeur
	}
	d = dossiers.Draft{
		Title: compat.Line(in.DossierTitre), Recipient: compat.Recipient(given), TypeCode: fam.setup.Code, ExternalReference: id, Start: true,
		DrafterEmail: strings.TrimSpace(in.EmailEmetteur), Metadata: compat.Values(fam.setup, given),
	}
	if d.Title == "" {
		d.Title = compat.Line(id)
	}
	if d.Note, err = compat.Note("\x00"+in.AnnotationPublique, "Annotation privée : \x00"+in.AnnotationPrivee, "À rendre avant le : \x00"+in.DateLimite); err != nil {
		return d, err
	}
	if d.Main, err = f.take(c, r, in.DocumentPrincipal, in.NomDocPrincipal, "document principal"); err != nil {
		return d, err
	}
	for _, a := range in.DocumentsAnnexes.DocAnnexe {
		got, err := f.take(c, r, a.Fichier, a.Nom, "annexe « "+compat.Line(a.Nom)+" »")
		if err != nil {
			return d, err
		}
		d.Annexes = append(d.Annexes, got)
	}
	d.Origin = &dossiers.Origin{Connector: c.Connector.ID, Identifier: id, Fingerprint: sha256.Sum256([]byte(id))}
	if d.Origin.Sent, err = json.Marshal(kept); err != nil {
		return d, fmt.Errorf("keep what was sent: %w", err)
	}
	return d, nil
}

func visibility(s string) string {
	if s = strings.TrimSpace(s); s == "" {
		return "SERVICE"
	}
	return compat.Line(s)
}

// take receives one PDF. What is wrong with it is told with its name.
func (f facade) take(c *compat.Caller, r request, b binary, name, what string) (dossiers.Received, error) {
	doc, err := r.open(b)
	if err == nil {
		var got dossiers.Received
		if got, err = f.Office.Receive(c.R.Context(), c.Tenant, compat.FileName(name, ".pdf"), doc.Reader()); err == nil {
			return got, nil
		}
	}
	status, why := f.Explain(c.R.Context(), "CreerDossier", err)
	if status >= 500 {
		return dossiers.Received{}, err
	}
	return dossiers.Received{}, invalid("document", strings.ToUpper(what[:1])+what[1:]+" : "+why)
}
