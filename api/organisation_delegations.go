package api

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"mime"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"

	"parapheur/circuits"
	"parapheur/circuits/delegation"
	"parapheur/dossiers"
)

func (s *server) registerDelegations() {
	const path = "/organisation/delegations"
	add(s, reads("listDelegations", path, "Lister les délégations", "Avec leurs formalités ; le PDF de l’arrêté se télécharge à part."), func(ctx context.Context, in *struct{ caller }) (*listed[TownDelegation], error) {
		n, err := s.names(ctx, in.caller)
		if err != nil {
			return nil, err
		}
		out := &listed[TownDelegation]{}
		out.Body.Data, err = n.delegations()
		return out, err
	})
	add(s, makes("addDelegation", path, "Inscrire une délégation", "Un arrêté et son délégataire. Le PDF de l’arrêté est d’abord envoyé par POST /organisation/documents, et nommé par son empreinte."), s.addDelegation)
	add(s, reads("getDelegation", path+"/{id}", "Lire une délégation", "Avec son étiquette."), func(ctx context.Context, in *OfPower) (*itemOut[TownDelegation], error) {
		n, err := s.names(ctx, in.caller)
		if err != nil {
			return nil, err
		}
		d, ok, err := n.delegation(in.ID)
		return itemOf(d, ok)(err)
	})
	add(s, changes("changeDelegation", path+"/{id}", "Changer une délégation", "Ses formalités, ses dates, son étendue. Le numéro et le délégataire ne changent pas."), s.changeDelegation)
	op := changes("endDelegation", path+"/{id}", "Retirer une délégation", "À partir d’aujourd’hui. Ce qui a été signé par délégation le reste.")
	op.method = http.MethodDelete
	add(s, op, s.endDelegation)
	s.registerArrete(path + "/{id}/arrete")
}

func (s *server) addDelegation(ctx context.Context, in *struct {
	caller
	Repeatable
	Body SetupDelegation
},
) (*madeOut[TownDelegation], error) {
	return atMostOnce(ctx, s, in.caller, in.Key, in.Body, func(string) (*madeOut[TownDelegation], error) {
		same := func(d SetupDelegation) bool {
			return d.Number == in.Body.Number && d.Delegate.Person == in.Body.Delegate.Person
		}
		made, err := s.setDelegation(ctx, in.caller, in.Body, func(t SetupTown) error {
			if _, there, _ := pick(t.Delegations, nil, same); there {
				return wrong("body.number", "Cet arrêté délègue déjà à cette personne.")
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		return &madeOut[TownDelegation]{Location: base + "/organisation/delegations/" + made.ID, ETag: itemTag(made), Body: made}, nil
	})
}

// setDelegation makes or changes the delegation of an arrêté to a person.
func (s *server) setDelegation(ctx context.Context, c caller, w SetupDelegation, allow func(SetupTown) error) (made TownDelegation, err error) {
	setup, err := SetupTown{Delegations: []SetupDelegation{w}}.setup()
	if err != nil {
		return made, err
	}
	if err := s.kept(ctx, c, "body.pdf_sha256", setup.Delegations[0].Arrete); err != nil {
		return made, err
	}
	_, err = s.Office.MergeSetup(ctx, c.viewer, setup, func(now dossiers.Setup) error {
		t, err := townOf(now)
		if err != nil {
			return err
		}
		return allow(t)
	})
	if err != nil {
		return made, err
	}
	n, err := s.names(ctx, c)
	if err != nil {
		return made, err
	}
	all, err := n.delegations()
	made, _, err = pick(all, err, func(d TownDelegation) bool {
		return d.Number == w.Number && d.Delegate.Person == w.Delegate.Person
	})
	return made, err
}

func (s *server) changeDelegation(ctx context.Context, in *struct {
	OfPower
	Guard
	Body SetupDelegation
},
) (*itemOut[TownDelegation], error) {
	return s.amendDelegation(ctx, in.OfPower, in.Guard, func(was SetupDelegation) (SetupDelegation, error) {
		if in.Body.Number != was.Number || in.Body.Delegate.Person != was.Delegate.Person {
			return was, wrong("body.number", "Le numéro de l’arrêté et le délégataire ne changent pas : retirez cette délégation et inscrivez l’autre.")
		}
		return in.Body, nil
	})
}

func (s *server) endDelegation(ctx context.Context, in *struct {
	OfPower
	Guard
},
) (*itemOut[TownDelegation], error) {
	return s.amendDelegation(ctx, in.OfPower, in.Guard, func(was SetupDelegation) (SetupDelegation, error) {
		if was.Withdrawn == "" {
			was.Withdrawn = string(s.Office.Today(in.viewer.Tenant))
		}
		return was, nil
	})
}

func (s *server) amendDelegation(ctx context.Context, in OfPower, guard Guard, change func(SetupDelegation) (SetupDelegation, error)) (*itemOut[TownDelegation], error) {
	n, err := s.names(ctx, in.caller)
	if err != nil {
		return nil, err
	}
	was, ok, err := n.delegation(in.ID)
	if err == nil && !ok {
		err = dossiers.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	w, err := change(was.SetupDelegation)
	if err != nil {
		return nil, err
	}
	made, err := s.setDelegation(ctx, in.caller, w, func(t SetupTown) error {
		now, there, _ := pick(t.Delegations, nil, func(d SetupDelegation) bool {
			return d.Number == was.Number && d.Delegate.Person == was.Delegate.Person
		})
		if !there {
			return dossiers.ErrNotFound
		}
		return Conditions{IfMatch: guard.IfMatch}.allow(true, itemTag(TownDelegation{was.ID, now}))
	})
	return itemOf(made, true)(err)
}

// kept refuses the digest of what was not received in this town: naming a
// letter would open it.
func (s *server) kept(ctx context.Context, c caller, field string, digest circuits.Digest) error {
	if digest.IsZero() {
		return nil
	}
	kept, err := s.Office.Kept(ctx, c.viewer, digest)
	if err == nil && !kept {
		err = wrong(field, "Envoyez d’abord ce PDF : POST /organisation/documents.")
	}
	return err
}

// A KeptDocument is a PDF of the set-up that was received.
type KeptDocument struct {
	SHA256 string `json:"sha256" doc:"Son empreinte, par laquelle une délégation ou un empêchement le nomme"`
}

type documentIn struct {
	caller
	RawBody []byte `contentType:"application/pdf" doc:"Le PDF, octet pour octet : il peut être signé"`
}

func (s *server) registerSetupDocuments() {
	op := makes("keepDocument", "/organisation/documents", "Envoyer le PDF d’un arrêté ou d’une preuve", "Gardé octet pour octet. Le même, une seconde fois, est le même : l’empreinte le dit.")
	op.body = maxSetupDocument
	add(s, op, func(ctx context.Context, in *documentIn) (*struct{ Body KeptDocument }, error) {
		if media, _, err := mime.ParseMediaType(in.r.Header.Get("Content-Type")); err != nil || media != "application/pdf" {
			return nil, refused(http.StatusUnsupportedMediaType, "Envoyez le document en application/pdf.")
		}
		digest, err := s.Office.KeepDocument(ctx, in.viewer, bytes.NewReader(in.RawBody))
		if err != nil {
			return nil, err
		}
		return &struct{ Body KeptDocument }{KeptDocument{digest.String()}}, nil
	})
}

// maxSetupDocument bounds the PDF of an arrêté or of a proof, in bytes.
const maxSetupDocument = 16 << 20

func (s *server) registerArrete(path string) {
	add(s, reads("getArrete", path, "Télécharger le PDF de l’arrêté", "Tel qu’il a été reçu."), func(ctx context.Context, in *OfPower) (*huma.StreamResponse, error) {
		b, d, err := s.Office.Arrete(ctx, in.viewer, delegation.ID(in.ID))
		if err != nil {
			return nil, err
		}
		return s.pdf(b, "arrete-"+d.Number+".pdf", d.Arrete), nil
	})
	s.documentBinary(path, "application/pdf", "Le PDF")
}

func (s *server) registerImpedimentProof(path string) {
	add(s, reads("getImpedimentProof", path, "Télécharger le PDF qui prouve l’empêchement", "Tel qu’il a été reçu."), func(ctx context.Context, in *OfPower) (*huma.StreamResponse, error) {
		b, i, err := s.Office.ImpedimentProof(ctx, in.viewer, delegation.ID(in.ID))
		if err != nil {
			return nil, err
		}
		return s.pdf(b, fmt.Sprintf("empechement-%s.pdf", i.From), i.Document), nil
	})
	s.documentBinary(path, "application/pdf", "Le PDF")
}

// pdf sends a document of the set-up, as it was received.
func (s *server) pdf(b dossiers.Blob, name string, digest circuits.Digest) *huma.StreamResponse {
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		defer b.Close() //nolint:errcheck // read only
		r, w := humachi.Unwrap(hc)
		w.Header().Set("Content-Type", "application/pdf")
		w.Header().Set("ETag", `"`+digest.String()+`"`)
		w.Header().Set("Repr-Digest", digestOf(digest))
		w.Header().Set("Content-Disposition", attachment(name))
		_ = http.NewResponseController(w).SetWriteDeadline(s.Now().Add(streamTime)) // none to extend on some servers
		deliver(w, r, io.NewSectionReader(b, 0, b.Size()))
	}}
}
