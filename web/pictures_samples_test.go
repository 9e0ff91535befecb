package web

import (
	"parapheur/dossiers"
)

// pictureSamples are the pages of the images of blocks; their previews are a
// page of the sample letter.
func pictureSamples(fr func(dossiers.Person, string, string) frame) (all []sample) {
	add := func(name string, who dossiers.Person, k dossiers.PictureKind, p picturePage) {
		p.At, p.Preview = "/ma-griffe", "/dossiers/1/documents/1/pages/1.png"
		p.frame = fr(who, "Ma griffe", "mes-cles")
		if k == dossiers.PictureArms {
			p.At, p.frame = "/administration/armoiries", fr(who, "Armoiries", "administration")
		}
		p.Scripts = []string{"js/picture.js"}
		p.fill(k)
		all = append(all, sample{name, &p})
	}
	add("griffe", mayor(), dossiers.PictureGriffe, picturePage{Set: "le 3 mars à 10 h 20", Said: "Votre griffe est enregistrée. Elle sera sur les lettres que vous signerez."})
	add("griffe-sans", drafter(), dossiers.PictureGriffe, picturePage{Unsaid: true, File: field{Error: "Cette image est vide\u00a0: rien ne s’y distingue du fond."}})
	add("armoiries", administrator(), dossiers.PictureArms, picturePage{Set: "le 3 mars à 10 h 20"})
	add("armoiries-sans", administrator(), dossiers.PictureArms, picturePage{})
	return all
}
