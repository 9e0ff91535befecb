package web

import (
	"net/url"
	"strconv"
	"strings"

	"parapheur/circuits"
	"parapheur/circuits/delegation"
	"parapheur/dossiers"
	"parapheur/internal/conditions"
)

// typePage builds the form of a type.
func typePage(g dossiers.Organisation, y dossiers.TypeSetup, values url.Values, wrong error, focus string) *formPage {
	f := newFiche(values, wrong)
	f.focused = focus
	p := &formPage{Nav: "types", Back: choice{"/administration/types", "Les types de courrier"}, Submit: "Enregistrer"}
	p.Parts = []formPart{identityPart(f, g, y), actPart(f), f.rulesPart(g), f.metadataPart(g, values), numberPart(f, g), permissionPart(f, g)}
	p.Problem = f.problem(wrong)
	return p
}

func identityPart(f *fiche, g dossiers.Organisation, y dossiers.TypeSetup) formPart {
	code := setting{Kind: "hidden", Name: "code", Value: y.Code}
	if y.Code == "" {
		code = must(f.text("code", "Code", "Court et stable : « urbanisme ». Il ne changera plus.", 60))
	}
	return formPart{ID: "type", Title: "Le type", Controls: []setting{
		must(f.text("name", "Nom", "Comme le rédacteur le lira.", 120)), code, f.text("hint", "Aide au rédacteur", "Une ligne : quand choisir ce type.", 200),
		f.one("select", "parent", "Type dont il est un sous-type", "Il hérite de ce qu’il laisse vide.", typeOptions(g, "Aucun")),
		f.check("inactive", "Ne sert plus", "Plus aucune lettre n’est déposée sous ce type."),
	}}
}

func actPart(f *fiche) formPart {
	return formPart{ID: "acte", Title: "Ce que la loi et la ville demandent", Controls: []setting{
		f.one("radios", "class", "Catégorie", "", []option{
			{Label: "Comme le type parent, sinon courrier simple"},
			{Value: string(delegation.Letter), Label: "Courrier simple", Hint: "Information ou réponse."},
			{Value: string(delegation.Decision), Label: "Décision", Hint: "Accorde ou refuse : signée par son auteur (CRPA, article L212-1), jamais par un cachet."},
		}),
		f.check("council_matter", "Matière que le conseil a déléguée au maire", "CGCT, article L2122-22 : seule une subdélégation permet alors à un autre de signer."),
		f.one("select", "level", "Niveau de signature exigé", "Ce qui n’est pas disponible attend : rien n’est abaissé.", []option{
			{Label: "Celui de la ville"},
			{Value: "B-B", Label: "B-B : signée"},
			{Value: "B-T", Label: "B-T : signée et horodatée"},
			{Value: "B-LT", Label: "B-LT : avec les preuves de non-révocation"},
			{Value: "B-LTA", Label: "B-LTA : faite pour être conservée"},
		}),
		f.one("select", "assurance", "Clé d’accès exigée", "", []option{
			{Label: "Toute clé d’accès"}, {Value: "device_bound", Label: "Liée à un appareil, jamais synchronisée"},
		}),
	}}
}

func (f *fiche) rulesPart(g dossiers.Organisation) formPart {
	var published []option
	for _, c := range g.Circuits {
		if c.Published != nil {
			published = append(published, option{Value: c.Code, Label: c.Published.Name})
		}
	}
	part := f.rows(formPart{
		ID: "regles", Title: "Le circuit", Hint: typeset("La première condition remplie choisit le circuit. Sinon, celui par défaut. Sans aucun circuit, le type est un titre pour ses sous-types."),
		Group: "rules", Add: "Ajouter une condition", None: typeset("Aucune condition : toutes les lettres prennent le même circuit."), Ordered: true,
	}, "Condition", func(i int) []setting {
		return []setting{
			f.text("when", "Si", "Par exemple : montant > 40000.0", 500, "rules."+strconv.Itoa(i+1)), f.one("select", "circuit", "Alors le circuit", "", published),
		}
	})
	part.Controls = []setting{
		f.one("select", "circuit", "Circuit par défaut", "", append([]option{{Label: "Aucun"}}, published...), "circuit", "steps"),
		f.check("ad_hoc", "Le rédacteur peut composer un circuit à lui", ""),
	}
	return part
}

func fieldKinds() []option {
	words := map[conditions.Type]string{
		conditions.Text: "Texte", conditions.Date: "Date", conditions.Integer: "Nombre entier", conditions.Decimal: "Nombre décimal", conditions.Boolean: "Oui ou non",
		conditions.List: "Un choix dans une liste", conditions.Lists: "Plusieurs choix dans une liste",
	}
	var out []option
	for _, t := range conditions.Types() {
		out = append(out, option{Value: string(t), Label: words[t]})
	}
	return out
}

func (f *fiche) metadataPart(g dossiers.Organisation, values url.Values) formPart {
	steps := stepOptions(g, values)
	return f.rows(formPart{
		ID: "champs", Title: "Les champs", Hint: "Ce que l’on remplit avec la lettre. Les conditions et les délégations les lisent.",
		Group: "metadata", Add: "Ajouter un champ", None: "Aucun champ.", Ordered: true,
	}, "Champ", func(i int) []setting {
		name := row(values, "metadata", i).Get("name")
		controls := []setting{
			f.text("label", "Libellé", "« Montant TTC ».", 80), f.text("name", "Nom dans les conditions", "Minuscules sans accent : « montant_ttc ».", 40, "metadata."+strings.TrimSpace(name)),
			f.one("select", "type", "Ce qu’il contient", "", fieldKinds()), f.text("default", "Valeur par défaut", "", 200),
			f.control("textarea", "values", "Valeurs de la liste", "Une par ligne."), f.text("help", "Aide", "", 300),
			f.check("at_deposit", "Obligatoire au dépôt", ""), f.check("at_refusal", "Obligatoire au refus", ""),
		}
		if len(steps) > 0 {
			controls = append(controls, f.many("at_steps", "Obligatoire à ces étapes", "", steps))
		}
		return controls
	})
}

// stepOptions lists the steps of the circuits that the form names.
func stepOptions(g dossiers.Organisation, values url.Values) (out []option) {
	codes := []string{values.Get("circuit")}
	for i := range rowCount(values, "rules") {
		codes = append(codes, row(values, "rules", i).Get("circuit"))
	}
	seen := map[circuits.StepID]bool{}
	for _, code := range distinct(codes...) {
		c, _ := g.Circuit(code)
		if c.Published == nil {
			continue
		}
		for _, st := range c.Published.Steps {
			if !seen[st.ID] {
				seen[st.ID] = true
				out = append(out, option{Value: string(st.ID), Label: st.Title})
			}
		}
	}
	return out
}

func numberPart(f *fiche, g dossiers.Organisation) formPart {
	all := []option{{Label: "Celle du type parent, ou aucune"}}
	for _, q := range g.Sequences {
		all = append(all, option{Value: q.Code, Label: q.Name})
	}
	return formPart{ID: "numeros", Title: "Le numéro chrono", Controls: []setting{
		f.one("select", "sequence", "Suite de numéros", "", all), f.check("number_at_deposit", "Tiré dès le dépôt", "Sinon, à l’envoi dans le circuit."),
	}}
}

func permissionPart(f *fiche, g dossiers.Organisation) formPart {
	var apps []option
	for _, a := range g.Applications {
		apps = append(apps, option{Value: a.Name, Label: a.Name})
	}
	drafts := func(m dossiers.Member) bool { return active(m) && m.Drafter }
	return formPart{ID: "permissions", Title: "Qui peut déposer sous ce type", Hint: typeset("Rien de coché : tous ceux qui déposent."), Controls: []setting{
		f.many("people", "Personnes", "", memberOptions(g, "", drafts), "permissions"), f.many("desks", "Bureaux", "Leurs titulaires et préparateurs.", deskOptions(g, "")),
		f.many("applications", "Applications", "", apps),
	}}
}
