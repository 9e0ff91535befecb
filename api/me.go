package api

import (
	"context"
	"net/http"
)

type meIn struct {
	caller
}

type meOut struct {
	Body Me
}

// Me is what the interface knows of the application that asks.
type Me struct {
	Application string   `json:"application" doc:"Nom de l’application"`
	SIRET       string   `json:"siret" doc:"De la collectivité"`
	Tenant      string   `json:"tenant" doc:"Nom de la collectivité"`
	Scopes      []string `json:"scopes" doc:"Droits de la clé présentée"`
	MaxUpload   int64    `json:"max_upload_bytes" doc:"Taille maximale d’un dépôt, en octets"`
	Version     string   `json:"version" doc:"Version du logiciel"`
}

func (s *server) registerMe() {
	add(s, operation{
		id: "getMe", method: http.MethodGet, path: "/me", tag: tagMe,
		summary:     "Vérifier sa clé",
		description: "L’application reconnue, la collectivité et les droits de la clé. Toute clé en vigueur peut le demander.",
	}, func(_ context.Context, in *meIn) (*meOut, error) {
		return &meOut{Body: Me{
			Application: in.viewer.Application.Name, SIRET: in.viewer.Tenant.SIRET, Tenant: in.viewer.Tenant.Name,
			Scopes: append([]string{}, in.scopes...), MaxUpload: s.MaxUpload, Version: s.Version,
		}}, nil
	})
	s.registerOwnKeys()
}
