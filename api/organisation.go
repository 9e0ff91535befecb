package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"parapheur/dossiers"
)

// maxSetup bounds the whole organisation of a town, in bytes.
const maxSetup = 2 << 20

// maxWholeSetup bounds a set-up with its coat of arms, in bytes: as for a file.
const maxWholeSetup = 8 << 20

// setupPrefix begins the names of the schemas that are both sent and answered:
// they stay exact, so that a word misspelt is refused.
const setupPrefix = "Setup"

// A SetupTown is the organisation of a town: what the file of « parapheur
// config » says, in JSON.
type SetupTown struct {
	Town         string             `json:"town,omitempty" doc:"SIRET de la collectivité : une garde contre le mauvais fichier"`
	Territory    *SetupTerritory    `json:"territory,omitempty" doc:"Absent : inchangé"`
	Arms         *SetupArms         `json:"arms,omitempty" doc:"Absentes : inchangées ; sans image : effacées"`
	Refused      map[string]bool    `json:"refused_contents,omitempty" doc:"Contenus d’un PDF : true refuse le dépôt, false le signale ; un contenu absent reste comme il est" example:"{\"javascript\":true}"`
	People       []SetupPerson      `json:"people,omitzero"`
	Desks        []SetupDesk        `json:"desks,omitzero"`
	Sequences    []SetupSequence    `json:"sequences,omitzero"`
	Circuits     []map[string]any   `json:"circuits,omitzero" doc:"Définitions des circuits, comme dans le fichier d’organisation"`
	Types        []SetupType        `json:"types,omitzero"`
	Delegations  []SetupDelegation  `json:"delegations,omitzero"`
	Closures     []SetupClosure     `json:"closures,omitzero"`
	Applications []SetupApplication `json:"applications,omitzero"`
}

// SetupArms are the coat of arms in the blocks of signatures.
type SetupArms struct {
	SHA256 string `json:"sha256,omitempty" doc:"Empreinte de l’image, qu’elle vérifie ; peut manquer" example:"4b227777d4dd1fc61c6f884f48641d02b4d121d3fd328cb08b5531fcacdabf8a"`
	Image  []byte `json:"image,omitempty" doc:"L’image, PNG ou JPEG, en base64"`
}

// A SetupTerritory is where the town is, for its public holidays and its hours.
type SetupTerritory struct {
	Region string `json:"region,omitempty" doc:"Vide : métropole, hors Alsace et Moselle. Sinon alsace-moselle, alsace-moselle-sans-vendredi-saint, guadeloupe, guyane, martinique, mayotte, reunion, saint-barthelemy, saint-martin, saint-pierre-et-miquelon, nouvelle-caledonie, polynesie-francaise, wallis-et-futuna" example:"reunion"`
	Zone   string `json:"zone,omitempty" doc:"Fuseau horaire, dans la base IANA ; vide : celui du territoire" example:"Indian/Reunion"`
}

// A SetupPerson is somebody of the town, named everywhere by the address.
type SetupPerson struct {
	Email      string `json:"email" example:"helene.garnier@ville.fr"`
	ExternalID string `json:"external_id,omitempty" doc:"Identifiant dans l’annuaire qui provisionne"`
	Civility   string `json:"civility,omitempty" enum:"M.,Mme,"`
	GivenName  string `json:"given_name"`
	FamilyName string `json:"family_name"`
	Drafter    bool   `json:"drafter,omitempty" doc:"Peut déposer des lettres"`
	Admin      bool   `json:"admin,omitempty" doc:"Administre la collectivité. Une application ne le donne ni ne le retire"`
	Inactive   bool   `json:"inactive,omitempty"`
	Rank       int    `json:"rank,omitempty" doc:"Rang au tableau du conseil ; 1 : le maire ; absent : un agent"`
	Adjoint    bool   `json:"adjoint,omitempty"`
	MandateEnd string `json:"mandate_end,omitempty" doc:"Dernier jour du mandat ou des fonctions" example:"2032-03-20"`
}

// A SetupDesk is a desk with its place and its people.
type SetupDesk struct {
	Code        string      `json:"code" example:"dgs"`
	Name        string      `json:"name" example:"Direction générale des services"`
	Parent      string      `json:"parent,omitempty" doc:"Code du bureau placé au-dessus"`
	Inactive    bool        `json:"inactive,omitempty"`
	Holders     []SetupSeat `json:"holders,omitempty" doc:"Qui agit"`
	Preparers   []SetupSeat `json:"preparers,omitempty" doc:"Qui prépare la bannette, sans jamais décider"`
	Supervisors []string    `json:"supervisors,omitempty" doc:"Qui voit, sans jamais agir"`
}

// A SetupSeat is a person at a desk.
type SetupSeat struct {
	Person  string `json:"person" doc:"Adresse de la personne"`
	Quality string `json:"quality" example:"Maire"`
}

// A SetupSequence numbers letters.
type SetupSequence struct {
	Code       string `json:"code"`
	Name       string `json:"name"`
	Pattern    string `json:"pattern" example:"{annee}-{numero:04}"`
	Continuous bool   `json:"continuous,omitempty" doc:"Ne recommence pas à 1 chaque année"`
}

// A SetupType is a type of letters.
type SetupType struct {
	Code            string           `json:"code"`
	Name            string           `json:"name"`
	Hint            string           `json:"hint,omitempty"`
	Parent          string           `json:"parent,omitempty" doc:"Type dont celui-ci est un sous-type, et hérite"`
	Inactive        bool             `json:"inactive,omitempty"`
	Class           string           `json:"class,omitempty" doc:"courrier_simple, ou decision"`
	Level           string           `json:"level,omitempty" doc:"Niveau de signature exigé : B-B, B-T, B-LT ou B-LTA"`
	Assurance       string           `json:"assurance,omitempty" doc:"Assurance exigée de la clé d’accès : device_bound"`
	CouncilMatter   bool             `json:"council_matter,omitempty" doc:"Matière déléguée au maire par le conseil (L2122-22)"`
	Sequence        string           `json:"sequence,omitempty"`
	NumberAtDeposit bool             `json:"number_at_deposit,omitempty"`
	Rules           []SetupRule      `json:"rules,omitempty" doc:"La première dont la condition est remplie donne le circuit"`
	Circuit         string           `json:"circuit,omitempty" doc:"Circuit pris quand aucune règle ne convient"`
	AdHoc           bool             `json:"ad_hoc,omitempty"`
	Metadata        []SetupField     `json:"metadata,omitempty"`
	Permissions     SetupPermissions `json:"permissions,omitzero"`
}

// A SetupRule sends letters to a circuit.
type SetupRule struct {
	When    string `json:"when" doc:"Condition, en CEL, sur les métadonnées" example:"montant > 40000.0"`
	Circuit string `json:"circuit"`
}

// A SetupField is one metadata.
type SetupField struct {
	Name      string   `json:"name"`
	Label     string   `json:"label"`
	Help      string   `json:"help,omitempty"`
	Type      string   `json:"type" enum:"text,date,integer,decimal,boolean,list,lists"`
	Values    []string `json:"values,omitempty"`
	Default   string   `json:"default,omitempty"`
	AtDeposit bool     `json:"at_deposit,omitempty"`
	AtSteps   []string `json:"at_steps,omitempty"`
	AtRefusal bool     `json:"at_refusal,omitempty"`
}

// SetupPermissions say who may deposit under a type.
type SetupPermissions struct {
	People       []string `json:"people,omitempty"`
	Desks        []string `json:"desks,omitempty"`
	Applications []string `json:"applications,omitempty"`
}

// A SetupDelegation is an arrêté of delegation.
type SetupDelegation struct {
	Number      string     `json:"number" example:"2026-041"`
	Basis       string     `json:"basis" enum:"L2122-18,L2122-19,L2122-23"`
	Signed      string     `json:"signed"`
	Published   string     `json:"published,omitempty"`
	Notified    string     `json:"notified,omitempty"`
	Transmitted string     `json:"transmitted,omitempty"`
	PDF         string     `json:"pdf_sha256,omitempty"`
	Delegator   SetupParty `json:"delegator"`
	Delegate    SetupParty `json:"delegate"`
	Scope       SetupScope `json:"scope,omitzero"`
	From        string     `json:"from"`
	To          string     `json:"to,omitempty"`
	Priority    int        `json:"priority,omitempty"`
	AbsenceOnly bool       `json:"absence_only,omitempty"`
	Withdrawn   string     `json:"withdrawn,omitempty"`
}

// A SetupParty is one side of a delegation.
type SetupParty struct {
	Person  string `json:"person"`
	Quality string `json:"quality"`
	Article string `json:"article,omitempty"`
}

// A SetupScope is what a delegation covers.
type SetupScope struct {
	Types   []string    `json:"types,omitempty"`
	Classes []string    `json:"classes,omitempty"`
	Desks   []string    `json:"desks,omitempty"`
	Limit   *SetupLimit `json:"limit,omitempty"`
}

// A SetupLimit bounds the amount of what a delegate signs.
type SetupLimit struct {
	Field string `json:"field"`
	Max   string `json:"max" example:"40000.00"`
}

// A SetupClosure is a day on which the town hall is closed.
type SetupClosure struct {
	On    string `json:"on" example:"2026-05-15"`
	Label string `json:"label,omitempty"`
}

// A SetupApplication is a program of the town, without its keys.
type SetupApplication struct {
	Name           string   `json:"name"`
	DefaultDrafter string   `json:"default_drafter"`
	Frames         []string `json:"panel_origins,omitempty" maxItems:"20" doc:"Origines des pages qui peuvent montrer ses panneaux ; aucune : aucun site ne le peut" example:"[\"https://gec.mairie.fr\"]"`
}

// A Plan is what a SetupTown changes.
type Plan struct {
	Plan  string     `json:"plan" doc:"Empreinte du plan, à passer à l’application : ce qui a été montré est ce qui est fait"`
	Lines []PlanLine `json:"lines"`
	// Ready says whether applying it would be refused for its circuits.
	Ready    bool          `json:"ready" doc:"Rien, dans les circuits que le plan publie, n’empêche de l’appliquer"`
	Findings []PlanFinding `json:"findings" doc:"Ce qu’il faut savoir des circuits, relus et essayés avec leurs cas gardés"`
}

// A PlanFinding is one thing to know about a circuit before applying a plan.
type PlanFinding struct {
	Circuit string `json:"circuit"`
	Finding
	Enrolment bool `json:"enrolment" doc:"Disparaît quand les personnes ont leur clé d’accès et leur certificat : before_enrolment passe outre"`
	Elsewhere bool `json:"elsewhere" doc:"D’un circuit que le plan ne publie pas mais qu’il fait trébucher : n’empêche rien"`
}

// A PlanLine is one change.
type PlanLine struct {
	Sign    string   `json:"sign" enum:"+,~,-" doc:"+ ajouté, ~ modifié, - mis hors d’usage"`
	What    string   `json:"what" example:"bureau « dgs » (Direction générale)"`
	Details []string `json:"details"`
}

type organisationIn struct {
	caller
}

type organisationOut struct {
	ETag string `header:"ETag" doc:"Empreinte de l’organisation"`
	Body SetupTown
}

type planIn struct {
	caller
	Body SetupTown
}

type applyIn struct {
	caller
	Plan     string `query:"plan" minLength:"64" maxLength:"64" pattern:"^[0-9a-f]{64}$" doc:"Empreinte du plan montré ; sans elle, ce qui est demandé est fait quel que soit le plan"`
	Founding bool   `query:"before_enrolment" doc:"Publie aussi les circuits où personne n’a encore de clé d’accès ou de certificat : une collectivité qui commence. Rien d’autre n’est passé"`
	Body     SetupTown
}

type planOut struct {
	Body Plan
}

func (s *server) registerOrganisation() {
	invalid := []int{http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType}
	add(s, operation{
		id: "getOrganisation", method: http.MethodGet, path: "/organisation", tag: tagOrganisation, scope: dossiers.ScopeOrganisationRead,
		summary:     "Lire l’organisation",
		description: "Personnes, bureaux, types, circuits publiés, délégations, fermetures et applications, comme le fichier de « parapheur config export ». Aucun secret, aucune clé d’accès.",
	}, s.organisation)
	add(s, operation{
		id: "planOrganisation", method: http.MethodPost, path: "/organisation/plan", tag: tagOrganisation, scope: dossiers.ScopeOrganisationManage,
		summary:     "Voir ce qu’une organisation changerait",
		description: "Compare et vérifie sans rien changer. Une partie absente n’est pas touchée ; une partie présente est complète : ce qu’elle ne nomme pas serait mis hors d’usage.",
		errors:      invalid, body: maxWholeSetup,
	}, s.planOrganisation)
	add(s, operation{
		id: "applyOrganisation", method: http.MethodPost, path: "/organisation/apply", tag: tagOrganisation, scope: dossiers.ScopeOrganisationManage,
		summary:     "Appliquer une organisation",
		description: "Fait en une fois tout ce que dit le plan, ou rien ; chaque changement est inscrit au journal. Chaque circuit publié est d’abord relu et essayé avec ses cas gardés : refusé (409) tant qu’une lettre s’y arrêterait. La même demande, une seconde fois, ne change rien. Répond ce qui a été fait.",
		errors:      append(invalid, http.StatusConflict), body: maxWholeSetup,
	}, s.applyOrganisation)
	s.registerPeople()
	s.registerTownDesks()
	s.registerItems()
	s.registerPowers()
	s.registerJournal()
}

func (s *server) organisation(ctx context.Context, in *organisationIn) (*organisationOut, error) {
	setup, revision, err := s.Office.SetupOf(ctx, in.viewer)
	if err != nil {
		return nil, err
	}
	out, err := townOf(setup)
	if err != nil {
		return nil, err
	}
	return &organisationOut{ETag: fmt.Sprintf("%q", fmt.Sprint(revision)), Body: out}, nil
}

func (s *server) planOrganisation(ctx context.Context, in *planIn) (*planOut, error) {
	setup, err := in.Body.setup()
	if err != nil {
		return nil, err
	}
	r, err := s.Office.PlanSetup(ctx, in.viewer, setup)
	if err != nil {
		return nil, err
	}
	return planned(r), nil
}

func (s *server) applyOrganisation(ctx context.Context, in *applyIn) (*planOut, error) {
	setup, err := in.Body.setup()
	if err != nil {
		return nil, err
	}
	terms := dossiers.Terms{Founding: in.Founding}
	if in.Plan != "" {
		if err := terms.Shown.UnmarshalText([]byte(in.Plan)); err != nil {
			return nil, &dossiers.InvalidError{Field: "plan", Reason: "Ce n’est pas l’empreinte d’un plan."}
		}
	}
	r, err := s.Office.ApplySetup(ctx, in.viewer, setup, terms)
	if err != nil {
		return nil, err
	}
	return planned(r), nil
}

func planned(r dossiers.Reform) *planOut {
	out := &planOut{Body: Plan{Plan: r.Digest().String(), Lines: []PlanLine{}, Ready: r.Refusal(false) == nil, Findings: []PlanFinding{}}}
	for _, f := range r.Findings {
		out.Body.Findings = append(out.Body.Findings, PlanFinding{f.Circuit, findingWire(f.Finding), f.Enrolment, f.Elsewhere})
	}
	for _, l := range r.Lines {
		out.Body.Lines = append(out.Body.Lines, PlanLine{Sign: l.Sign, What: l.What, Details: append([]string{}, l.Details...)})
	}
	return out
}

// townOf writes a set-up on the wire: the names are the same, and a test holds
// them to it.
func townOf(s dossiers.Setup) (out SetupTown, err error) {
	raw, err := json.Marshal(s)
	if err == nil {
		err = json.Unmarshal(raw, &out)
	}
	for _, c := range out.Circuits {
		delete(c, "version") // counted by each town
	}
	return out, err
}

// setup reads a set-up from the wire. What the schema let through and the
// office does not know is refused.
func (t SetupTown) setup() (s dossiers.Setup, err error) {
	raw, err := json.Marshal(t)
	if err != nil {
		return s, err
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&s); err != nil {
		return s, &dossiers.InvalidError{Field: "body", Reason: "Une valeur n’a pas la forme attendue (" + strings.TrimPrefix(err.Error(), "json: ") + ")."}
	}
	return s, nil
}
