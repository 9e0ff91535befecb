package web

import (
	"encoding/json"
	"fmt"
	"strings"

	"parapheur/circuits"
	"parapheur/circuits/delegation"
	"parapheur/dossiers"
	"parapheur/journal"
)

// about says whom or what an entry is about: somebody, somebody at a desk, or
// the end of the identifier of a letter, whose title is not the
// administrator's to read.
func about(e journal.Entry, names map[string]string) string {
	name := names[e.Subject]
	if name == "" && strings.HasPrefix(e.Kind, ofSandboxes) { // about the town itself
		return "Le bac à sable"
	}
	var in struct {
		Person string `json:"person"`
	}
	if strings.HasPrefix(e.Kind, "seat.") && json.Unmarshal(e.Body, &in) == nil && names[in.Person] != "" {
		return strings.TrimSuffix(names[in.Person]+", "+name, ", ")
	}
	if name != "" {
		return name
	}
	if len(e.Subject) == 36 { // a UUID
		return "…" + e.Subject[len(e.Subject)-8:]
	}
	return ofTheTown(e.Subject)
}

// ofTheTown names what of the set-up an entry is about: "type/courrier".
func ofTheTown(subject string) string {
	what, code, _ := strings.Cut(subject, "/")
	switch what {
	case "type":
		return "Type " + code
	case "circuit":
		return "Circuit " + code
	case "sequence":
		return "Suite " + code
	case "closure":
		return delegation.Date(code).French()
	case "territory":
		return "La collectivité"
	case "delegation":
		return "Une délégation"
	case "document":
		return "Un PDF"
	case "arms":
		return "La collectivité"
	}
	return subject
}

// actorIn reads who acted, in an entry whose body says so.
func actorIn(body []byte) string {
	var in struct {
		By circuits.Actor `json:"by"`
	}
	if json.Unmarshal(body, &in) != nil || in.By.Name == "" {
		return "Le parapheur"
	}
	return named(in.By.Name, in.By.Quality)
}

// ofSandboxes begins the kinds that no other town has.
const ofSandboxes = "sandbox."

// A journalFamily is entries of one sort, by how their kinds begin.
type journalFamily struct{ prefix, name string }

func journalFamilies() []journalFamily {
	return []journalFamily{
		{"dossier.", "Les lettres : tout"},
		{"person.", "Les personnes : tout"},
		{"passkey.", "Les clés d’accès : tout"},
		{"desk.", "Les bureaux : tout"},
		{"circuit.", "Les circuits : tout"},
		{"type.", "Les types de courrier : tout"},
		{"delegation.", "Les délégations : tout"},
		{"absence.", "Les absences : tout"},
		{"signing_key.", "Les certificats : tout"},
		{"api_key.", "Les clés d’API : tout"},
		{"sign_on.", "Les fournisseurs d’identité : tout"},
		{"identity.", "Les comptes rattachés : tout"},
		{"webhook.", "Les notifications : tout"},
		{ofSandboxes, "Le bac à sable : tout"},
	}
}

// journalKind puts the kinds of the town's journal in words.
func journalKind(kind string) string {
	if w := journalWords()[kind]; w != "" {
		return w
	}
	return eventLabel(kind)
}

// journalWords names every kind of entry.
func journalWords() map[string]string {
	words := letterWords()
	for kind, w := range map[string]string{
		"person.added": "Personne ajoutée", "desk.added": "Bureau ajouté", "seat.set": "Personne nommée à un bureau", "seat.removed": "Personne retirée d’un bureau",
		"circuit.published": "Circuit publié", "signing_key.added": "Certificat de signature installé", "signing_key.retired": "Certificat de signature retiré",
		"signing_key.suspended": "Certificat de signature suspendu",
		"person.invited":        "Personne invitée", "person.deactivated": "Personne désactivée", "person.reactivated": "Personne réactivée",
		"passkey.registered": "Clé d’accès en attente de confirmation", "passkey.enrolled": "Clé d’accès enrôlée", "passkey.refused": "Clé d’accès non confirmée", "passkey.revoked": "Clé d’accès révoquée",
		dossiers.KindProofFiled: "Preuve d’un acte externe reçue", "document.received": "Fichiers reçus", "document.kept": "PDF d’un arrêté ou d’une preuve reçu", "deposit_rules.set": "Règles de dépôt changées",
		dossiers.KindMemberSet: "Personne réglée", dossiers.KindDeskSet: "Bureau réglé", dossiers.KindSequenceSet: "Suite de numéros réglée", dossiers.KindTypeSet: "Type de courrier réglé",
		dossiers.KindDrafted: "Brouillon de circuit", dossiers.KindDraftDropped: "Brouillon de circuit abandonné", dossiers.KindRetired: "Circuit retiré", dossiers.KindCasesSet: "Cas d’essai d’un circuit",
		dossiers.KindDelegationSet: "Délégation inscrite", dossiers.KindAbsenceSet: "Absence planifiée", dossiers.KindImpedimentSet: "Empêchement déclaré", dossiers.KindRecusalSet: "Déport",
		dossiers.KindClosureSet: "Fermeture inscrite", dossiers.KindClosureRemoved: "Fermeture levée", dossiers.KindTerritorySet: "Territoire réglé", dossiers.KindApplicationSet: "Application réglée",
		"application.added": "Application ajoutée", "api_key.added": "Clé d’API créée", "api_key.revoked": "Clé d’API révoquée", "application.changed": "Accès d’une application changés",
		"webhook.added": "Adresse de notification ajoutée", "webhook.changed": "Adresse de notification changée", "webhook.rotated": "Secret de notification renouvelé",
		"sign_on.set": "Fournisseur d’identité configuré", "sign_on.removed": "Fournisseur d’identité retiré", "identity.linked": "Compte rattaché à une personne",
		"identity.unlinked": "Compte détaché d’une personne", "identity.refused": "Demande de rattachement refusée", dossiers.KindMailsSet: "Courriels choisis",
		"webhook.rewound": "Notifications renvoyées", "webhook.removed": "Adresse de notification supprimée", "webhook.suspended": "Notifications suspendues",
		"connector.added": "Connecteur ajouté", "connector.changed": "Connecteur réglé", "connector.released": "Dossier masqué à la demande du logiciel",
		dossiers.KindTest: "Notification d’essai", dossiers.KindArmsSet: "Armoiries enregistrées", dossiers.KindArmsRemoved: "Armoiries effacées",
		dossiers.KindGriffeSet: "Griffe enregistrée par son auteur", dossiers.KindGriffeRemoved: "Griffe effacée par son auteur",
		dossiers.KindSandboxOpened: "Bac à sable ouvert", dossiers.KindSandboxClock: "Horloge du bac à sable avancée", dossiers.KindSandboxPerson: "Personne d’essai, dont l’API joue les décisions",
		dossiers.KindPersonLinked: "Compte relié à une autre collectivité", dossiers.KindPersonUnlinked: "Compte délié d’une autre collectivité",
	} {
		words[kind] = w
	}
	return words
}

// letterWords names the kinds of entries about letters.
func letterWords() map[string]string {
	return map[string]string{
		circuits.KindDeposited: "Lettre déposée", circuits.KindStarted: "Lettre envoyée dans un circuit", circuits.KindDecided: "Décision prise",
		circuits.KindRefused: "Lettre refusée", circuits.KindTimestampAwaited: "Horodatage attendu", circuits.KindSealed: "Signature apposée",
		circuits.KindUndone: "Décision reprise", circuits.KindWithdrawn: "Lettre retirée", circuits.KindCorrected: "Version corrigée", circuits.KindAnnexes: "Annexes changées", circuits.KindCompleted: "Circuit terminé",
		circuits.KindOpened: "Étape ouverte", circuits.KindSkipped: "Étape sautée, sa condition n’étant pas remplie", circuits.KindBlocked: "Étape bloquée", circuits.KindTurnRefused: "Refus d’un des décideurs",
		circuits.KindBypassed: "Étape contournée", circuits.KindSealingAwaited: "Signature attendue d’un service", circuits.KindRead: "Lettre lue", circuits.KindOpinionAsked: "Avis demandé",
		circuits.KindOpinionGiven: "Avis rendu", circuits.KindOpinionExpired: "Avis non rendu à temps", circuits.KindTransferred: "Lettre transférée", circuits.KindRedirected: "Lettre redirigée",
		circuits.KindRecused: "Déport sur une lettre", circuits.KindSuperseded: "Lettre remplacée par une autre", circuits.KindRecycled: "Lettre refusée reprise", circuits.KindCircuitEnded: "Fin d’un circuit enchaîné",
		circuits.KindChained: "Enchaînement vers un autre circuit", circuits.KindMigrated: "Lettre passée à une autre version du circuit", circuits.KindReminded: "Rappel envoyé",
		circuits.KindEscalated: "Échéance dépassée, suite donnée", circuits.KindOverdue: "Lettre en retard", circuits.KindRenewed: "Horodatage d’archivage renouvelé", circuits.KindArchived: "Lettre archivée",
		"dossier.metadata_set": "Champs d’une lettre changés", dossiers.KindAmended: "Lettre renommée", dossiers.KindNoted: "Remarque", dossiers.KindDispatched: "Envoi inscrit",
	}
}

// sentence says what an entry changed in the set-up, when its body tells;
// empty otherwise. names are those of people and desks.
func sentence(e journal.Entry, names map[string]string) string {
	read := func(into any) bool { return json.Unmarshal(e.Body, into) == nil }
	var a struct {
		Desk       dossiers.DeskSetup    `json:"desk"`
		Sequence   dossiers.Sequence     `json:"sequence"`
		Type       dossiers.TypeSetup    `json:"type"`
		Delegation delegation.Delegation `json:"delegation"`
		Absence    delegation.Absence    `json:"absence"`
		Impediment delegation.Impediment `json:"impediment"`
		Recusal    delegation.Recusal    `json:"recusal"`
		Closure    dossiers.Closure      `json:"closure"`
		Territory  dossiers.Territory    `json:"territory"`
		On         delegation.Date       `json:"on"`
		Reason     string                `json:"reason"`
	}
	switch e.Kind {
	case dossiers.KindMemberSet, dossiers.KindApplicationSet:
		return appointed(e)
	case dossiers.KindDrafted, dossiers.KindDraftDropped, dossiers.KindPublished, dossiers.KindRetired:
		return routed(e)
	case dossiers.KindSandboxClock, dossiers.KindSandboxPerson:
		return sandboxed(e)
	}
	if strings.HasPrefix(e.Kind, "dossier.") || !read(&a) {
		return ""
	}
	switch e.Kind {
	case dossiers.KindDeskSet:
		return deskSentence(a.Desk, names)
	case dossiers.KindSequenceSet:
		return "Suite « " + a.Sequence.Name + " », modèle " + a.Sequence.Pattern + "."
	case dossiers.KindTypeSet:
		return "Type « " + a.Type.Name + " »" + ifSo(a.Type.Inactive, ", qui ne sert plus") + "."
	case dossiers.KindDelegationSet:
		return delegationSentence(a.Delegation, names)
	case dossiers.KindAbsenceSet:
		return absenceSentence(a.Absence, names)
	case dossiers.KindImpedimentSet:
		return somebody(names, a.Impediment.Person) + ", depuis le " + a.Impediment.From.French() + ifSo(a.Impediment.To != "", " et jusqu’au "+a.Impediment.To.French()) + " : " + a.Impediment.Motive + ". Preuve : " + a.Impediment.Proof + "." +
			ifSo(!a.Impediment.Document.IsZero(), " PDF d’empreinte "+a.Impediment.Document.String()+".")
	case dossiers.KindRecusalSet:
		return somebody(names, a.Recusal.Person) + " se déporte : " + a.Recusal.Motive + "."
	case dossiers.KindClosureSet:
		return "Fermée le " + a.Closure.On.French() + ifSo(a.Closure.Label != "", " : "+a.Closure.Label) + "."
	case dossiers.KindTerritorySet:
		return a.Territory.Region.Name() + ifSo(a.Territory.Zone != "", ", fuseau : "+zoneName(a.Territory.Zone)) + "."
	case dossiers.KindClosureRemoved:
		return "Ouverte le " + a.On.French() + "."
	case "passkey.revoked":
		return a.Reason
	}
	return ""
}

func ifSo(yes bool, text string) string {
	if yes {
		return text
	}
	return ""
}

func somebody(names map[string]string, id circuits.PersonID) string {
	if n := names[string(id)]; n != "" {
		return n
	}
	return "Quelqu’un"
}

// appointed tells a person or a program that was set.
func appointed(e journal.Entry) string {
	var a struct {
		Person      dossiers.Member           `json:"person"`
		Application dossiers.ApplicationSetup `json:"application"`
	}
	if json.Unmarshal(e.Body, &a) != nil {
		return ""
	}
	if e.Kind == dossiers.KindApplicationSet {
		return "Application « " + a.Application.Name + " »."
	}
	m := a.Person
	does := []string{}
	for _, x := range []struct {
		yes  bool
		text string
	}{{m.Drafter, "dépose des lettres"}, {m.Admin, "administre"}, {m.Adjoint, "adjoint ou adjointe au maire"}, {m.Rank == 1, "maire"}, {m.Inactive, "désactivé(e)"}} {
		if x.yes {
			does = append(does, x.text)
		}
	}
	return m.Name() + " (" + m.Email + ")" + ifSo(len(does) > 0, ", "+list(does)) + ifSo(m.MandateEnd != "", ", jusqu’au "+m.MandateEnd.French()) + "."
}

// routed tells what became of a circuit.
func routed(e journal.Entry) string {
	var a struct {
		Circuit circuits.Definition `json:"circuit"`
		Code    string              `json:"code"`
		Version int                 `json:"version"`
	}
	if json.Unmarshal(e.Body, &a) != nil {
		return ""
	}
	switch {
	case e.Kind == dossiers.KindDraftDropped:
		return "Circuit « " + a.Code + " »."
	case e.Kind == dossiers.KindRetired:
		return "Circuit « " + a.Code + " », version " + number(int64(a.Version)) + "."
	case a.Circuit.Name == "":
		return ""
	case e.Kind == dossiers.KindPublished:
		return "Circuit « " + a.Circuit.Name + " », version " + number(int64(a.Circuit.Version)) + "."
	}
	return "Circuit « " + a.Circuit.Name + " »."
}

// sandboxed tells how far the clock of a sandbox went, or what programs call
// one of its people.
func sandboxed(e journal.Entry) string {
	var a struct {
		Ahead int64  `json:"ahead_seconds"`
		Role  string `json:"role"`
	}
	if json.Unmarshal(e.Body, &a) != nil {
		return ""
	}
	if e.Kind == dossiers.KindSandboxPerson {
		return ifSo(a.Role != "", "« "+a.Role+" » pour les programmes.")
	}
	minutes := (a.Ahead + 30) / 60 // a duration is added to a clock that goes on
	days, minutes := minutes/(24*60), minutes%(24*60)
	by := fmt.Sprintf("%d h %02d", minutes/60, minutes%60)
	switch {
	case days > 0 && minutes == 0:
		by = count(int(days), "jour", "jours")
	case days > 0:
		by = count(int(days), "jour", "jours") + " et " + by
	}
	return "En avance de " + by + " sur l’heure réelle."
}

func deskSentence(d dossiers.DeskSetup, names map[string]string) string {
	var holders []string
	for _, h := range d.Holders {
		holders = append(holders, named(somebody(names, h.Person), h.Quality))
	}
	who := "sans titulaire"
	if len(holders) > 0 {
		who = "tenu par " + strings.Join(holders, " ; ")
	}
	return "Bureau « " + d.Name + " », " + who + ifSo(d.Parent != "", ", sous « "+names[string(d.Parent)]+" »") + ifSo(d.Inactive, ", qui ne sert plus") + "."
}

func delegationSentence(d delegation.Delegation, names map[string]string) string {
	return "Arrêté " + d.Number + " : " + somebody(names, d.Delegator.Person) + " à " + somebody(names, d.Delegate.Person) + ", à partir du " + d.From.French() +
		ifSo(d.To != "", " et jusqu’au "+d.To.French()) + ifSo(d.Withdrawn != "", ". Retirée le "+d.Withdrawn.French()) + "."
}

func absenceSentence(a delegation.Absence, names map[string]string) string {
	if a.Cancelled {
		return "Absence du " + a.From.French() + " au " + a.To.French() + " annulée."
	}
	return somebody(names, a.Person) + ", du " + a.From.French() + " au " + a.To.French() + ifSo(a.Replacement != "", ", remplacement par "+somebody(names, a.Replacement)) + "."
}
