package api

import (
	"bytes"
	"context"
	"io"
	"mime"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"

	"parapheur/circuits"
	"parapheur/dossiers"
)

type armsIn struct {
	caller
	Conditions
	RawBody []byte `contentType:"image/png" doc:"L’image, PNG ou JPEG, de 12 Mo au plus"`
}

type armsOut struct {
	Status int
	ETag   string `header:"ETag" doc:"Étiquette de l’image gardée, à rendre dans If-Match pour la changer"`
	Digest string `header:"Repr-Digest" doc:"Empreinte SHA-256 de l’image gardée (RFC 9530)"`
}

const armsText = "Dans les blocs de signature des prochaines lettres ; celles qui sont signées gardent les leurs. "

func (s *server) registerArms() {
	const path = "/organisation/arms"
	add(s, reads("getArms", path, "Télécharger les armoiries", "L’image des blocs de signature, telle qu’elle est gardée. 404 sans armoiries."), s.arms)
	s.documentBinary(path, "image/png", "L’image")
	for _, status := range []string{"200", "206"} {
		content := s.api.OpenAPI().Paths[path].Get.Responses[status].Content
		content["image/jpeg"] = content["image/png"]
	}
	op := writes("putArms", path, "Mettre ou remplacer les armoiries", "")
	op.description = armsText + "Le corps est l’image, PNG ou JPEG, de 12 Mo au plus, 16 millions de pixels et 8192 de côté. Elle est récrite : marges coupées, rien de ce que portait le fichier à côté des pixels. La même, une seconde fois, ne change rien. Mettre les premières : sans condition, ou avec « If-None-Match: * ». Les remplacer : If-Match est obligatoire."
	op.status, op.body = http.StatusNoContent, dossiers.MaxPicture+1
	add(s, op, s.putArms)
	s.alsoMakesArms(path)
	op = writes("removeArms", path, "Effacer les armoiries", "")
	op.method, op.status, op.description = http.MethodDelete, http.StatusNoContent, armsText+"If-Match est obligatoire."
	add(s, op, s.removeArms)
}

// alsoMakesArms documents the body in both its media, and 201 for the first.
func (s *server) alsoMakesArms(path string) {
	op := s.api.OpenAPI().Paths[path].Put
	op.RequestBody.Content["image/jpeg"] = op.RequestBody.Content["image/png"]
	made := *op.Responses["204"]
	made.Description = http.StatusText(http.StatusCreated)
	op.Responses["201"] = &made
}

func armsTag(d circuits.Digest) string { return `"` + d.String() + `"` }

func (s *server) arms(ctx context.Context, in *struct {
	caller
	IfNoneMatch string `header:"If-None-Match" doc:"Étiquette déjà connue : 304 si rien n’a changé"`
},
) (*huma.StreamResponse, error) {
	file, digest, err := s.Office.Arms(ctx, in.viewer)
	if err != nil {
		return nil, err
	}
	media, name := "image/png", "armoiries.png"
	if bytes.HasPrefix(file, []byte("\xFF\xD8")) {
		media, name = "image/jpeg", "armoiries.jpg"
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		r, w := humachi.Unwrap(hc)
		h := w.Header()
		h.Set("Content-Type", media)
		h.Set("ETag", armsTag(digest))
		h.Set("Repr-Digest", digestOf(digest))
		h.Set("Content-Disposition", attachment(name))
		deliver(w, r, io.NewSectionReader(bytes.NewReader(file), 0, int64(len(file))))
	}}, nil
}

func (s *server) putArms(ctx context.Context, in *armsIn) (*armsOut, error) {
	media, _, err := mime.ParseMediaType(in.r.Header.Get("Content-Type"))
	if err != nil || media != "image/png" && media != "image/jpeg" {
		return nil, refused(http.StatusUnsupportedMediaType, "Envoyez l’image en image/png ou en image/jpeg.")
	}
	out := &armsOut{Status: http.StatusNoContent}
	err = s.Office.SetArms(ctx, in.viewer, in.RawBody, func(now circuits.Digest) error {
		if now.IsZero() {
			out.Status = http.StatusCreated
		}
		return in.allow(!now.IsZero(), armsTag(now))
	})
	if err != nil {
		return nil, err
	}
	_, digest, err := s.Office.Arms(ctx, in.viewer)
	out.ETag, out.Digest = armsTag(digest), digestOf(digest)
	return out, err
}

func (s *server) removeArms(ctx context.Context, in *struct {
	caller
	Guard
},
) (*noContent, error) {
	return &noContent{}, s.Office.RemoveArms(ctx, in.viewer, func(now circuits.Digest) error {
		return Conditions{IfMatch: in.IfMatch}.allow(true, armsTag(now))
	})
}
