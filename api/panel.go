package api

import (
	"context"
	"net/http"
	"time"

	"parapheur/dossiers"
)

// A PanelWish says where a panel will be shown, and for how long.
type PanelWish struct {
	Origins []string `json:"origins,omitempty" maxItems:"20" doc:"Parmi les origines que l’administrateur a données à l’application, celles dont les pages peuvent montrer ce panneau dans un cadre (iframe) ; par défaut, toutes" example:"[\"https://gec.mairie.fr\"]"`
	Minutes int      `json:"minutes,omitempty" minimum:"1" maximum:"60" default:"15" doc:"Combien de minutes l’adresse s’ouvre"`
}

// A Panel is a page to be shown inside another program.
type Panel struct {
	URL       string    `json:"url" format:"uri" doc:"À mettre dans src d’un iframe, ou dans un lien. Elle ouvre le panneau à qui la détient : ne la gardez pas"`
	ExpiresAt time.Time `json:"expires_at" doc:"Jusqu’à quand elle s’ouvre"`
}

type panelOut struct {
	Location string `header:"Location" doc:"La même adresse"`
	Cache    string `header:"Cache-Control"`
	Body     Panel
}

const panelText = `Une page en français, prête à montrer, qui dit où en est la lettre : le chemin, qui a décidé, ce qui est attendu. Rien ne s’y décide : ses liens ouvrent le parapheur dans une autre fenêtre.

L’adresse est scellée et ne vit que quelques minutes : demandez-en une chaque fois que la fiche s’ouvre. Seules les origines inscrites par l’administrateur sur la page de l’application peuvent la tenir dans un cadre (aucune, tant qu’il n’en a pas inscrit) : sans elles, le panneau s’ouvre par un lien, dans sa propre fenêtre. Elle montre ce que la clé qui l’a demandée permet de lire, et se ferme avec elle si la clé est révoquée.`

func (s *server) registerPanels() {
	add(s, operation{
		id: "addPanel", method: http.MethodPost, path: "/dossiers/{id}/panel", tag: tagDossiers, scope: dossiers.ScopeDossiersRead, status: http.StatusCreated,
		summary: "Montrer un dossier dans sa propre page", description: panelText,
		errors: []int{http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType},
	}, s.addPanel)
}

func (s *server) addPanel(ctx context.Context, in *struct {
	OfDossier
	Body PanelWish
},
) (*panelOut, error) {
	grant := dossiers.Grant{Viewer: in.viewer, Credential: in.credential, Scopes: in.scopes}
	token, expires, err := s.Office.PanelToken(ctx, grant, dossiers.ID(in.ID), in.Body.Origins, time.Duration(in.Body.Minutes)*time.Minute)
	if err != nil {
		return nil, err
	}
	address := in.viewer.Tenant.Origin + "/panneau/" + token
	return &panelOut{Location: address, Cache: "no-store", Body: Panel{URL: address, ExpiresAt: expires.UTC()}}, nil
}
