package web

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"path"
	"strings"
)

//go:embed templates/*.html
var templateFiles embed.FS

// templates holds one executable set for each page: the layout, the shared
// parts and the page's own file.
type templates map[string]*template.Template

// parseTemplates reads every page. Files that begin with "_" are shared.
func parseTemplates(a *assets) (templates, error) {
	funcs := template.FuncMap{
		"asset":      a.url,
		"vendor":     func() string { return a.vendor },
		"adminAreas": adminAreas,
		"icon":       func(name string) template.HTML { return icon(a, name, "i") },
		"bigIcon": func(name string) template.HTML {
			return icon(a, name, "i i-l")
		},
	}
	shared, err := template.New("").Funcs(funcs).ParseFS(templateFiles, "templates/_*.html")
	if err != nil {
		return nil, fmt.Errorf("parse shared templates: %w", err)
	}
	names, err := fs.Glob(templateFiles, "templates/*.html")
	if err != nil {
		return nil, fmt.Errorf("list templates: %w", err)
	}
	all := templates{}
	for _, name := range names {
		base := strings.TrimSuffix(path.Base(name), ".html")
		if strings.HasPrefix(base, "_") {
			continue
		}
		t, err := template.Must(shared.Clone()).ParseFS(templateFiles, name)
		if err != nil {
			return nil, fmt.Errorf("parse template %s: %w", base, err)
		}
		all[base] = t
	}
	return all, nil
}

// icon draws a symbol of the sprite. Both names are ours, never a user's.
func icon(a *assets, name, class string) template.HTML {
	return template.HTML(`<svg class="` + class + `" aria-hidden="true"><use href="` + a.url("img/icons.svg") + `#` + name + `"/></svg>`)
}

// templateName says which file shows p.
func templateName(p page) string {
	switch p := p.(type) {
	case interface{ template() string }:
		return p.template()
	case *signInPage:
		return "connexion"
	case *enrolmentsPage:
		return "enrolements"
	case *enrolPage:
		return "enrolement"
	case *binsPage:
		return "bannettes"
	case *letterPage:
		return "dossier"
	case *decisionPage:
		return "decision"
	case *actPage:
		return "acte"
	case *rulesPage:
		return "regles"
	case *depositPage:
		return "deposer"
	case *withdrawPage:
		return "retirer"
	case *correctPage:
		return "corriger"
	case *keysPage:
		return "mes-cles"
	case *peoplePage:
		return "personnes"
	case *desksPage:
		return "bureaux"
	case *circuitsPage:
		return "circuits"
	case *circuitPage:
		return "circuit"
	case *comparePage:
		return "circuit-comparer"
	case *publishPage:
		return "circuit-publier"
	case *migrationPage:
		return "circuit-dossiers"
	case *certificatesPage:
		return "certificats"
	case *activationPage:
		return "autoriser"
	case *connectorsPage:
		return "connecteurs"
	case *applicationsPage:
		return "applications"
	case *applicationPage:
		return "application"
	case *journalPage:
		return "journal"
	case *verifyPage:
		return "verifier"
	case *accessPage:
		return "accessibilite"
	case *textPage:
		return "texte"
	case *panelPage:
		return "panneau"
	case *errorPage:
		return "erreur"
	}
	return ""
}

// execute renders p whole, so that a failing template sends nothing.
func (ts templates) execute(p page) ([]byte, error) {
	name := templateName(p)
	t, ok := ts[name]
	if !ok {
		return nil, fmt.Errorf("no template for %T", p)
	}
	var b bytes.Buffer
	if err := t.ExecuteTemplate(&b, "layout", p); err != nil {
		return nil, fmt.Errorf("execute template %s: %w", name, err)
	}
	return b.Bytes(), nil
}
