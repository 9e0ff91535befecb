package intake

import "errors"

// explanation is what the person who sent the file reads: what is wrong, then what to do.
type explanation struct {
	refusal       error
	title, detail string
}

func explanations() []explanation {
	return []explanation{
		{
			ErrNotPDF, "Ce fichier n’est pas un PDF",
			"Exportez le document au format PDF depuis votre traitement de texte, puis déposez-le de nouveau. Renommer un fichier en « .pdf » ne suffit pas.",
		},
		{
			ErrTruncated, "Ce PDF est incomplet",
			"La fin du fichier manque : l’envoi ou l’enregistrement a sans doute été interrompu. Exportez le document de nouveau et renvoyez-le.",
		},
		{
			ErrDamaged, "Ce PDF est endommagé",
			"Sa structure ne peut pas être lue de façon sûre. Exportez le document de nouveau au format PDF depuis l’application d’origine, sans passer par « Imprimer », et renvoyez-le.",
		},
		{
			ErrEncrypted, "Ce PDF est protégé par un mot de passe",
			"Un fichier protégé, même seulement contre les modifications, ne peut pas être signé. Enregistrez-en une copie sans mot de passe ni restriction, puis déposez-la.",
		},
		{
			ErrTooManyPages, "Ce PDF a trop de pages",
			"Gardez la lettre comme document principal et joignez les pièces longues en annexe, ou découpez le document.",
		},
		{
			ErrTooLarge, "Ce PDF est trop volumineux",
			"Réduisez la définition des images numérisées (200 à 300 points par pouce suffisent) ou joignez les pièces lourdes en annexe.",
		},
		{
			ErrXFA, "Ce PDF est un formulaire dynamique (XFA)",
			"Ses pages ne s’affichent que dans Adobe Reader : le signataire ne verrait pas ce qu’il signe. Imprimez le formulaire rempli vers un PDF ordinaire, puis déposez ce fichier.",
		},
		{
			ErrTimeout, "Ce PDF est trop complexe à vérifier",
			"La vérification a dépassé le temps permis. Exportez le document de nouveau, si possible en simplifiant ses images et ses dessins, puis renvoyez-le.",
		},
	}
}

// French explains a refusal to the person who sent the file. For any other error the explanation is that the check
// itself failed and may be tried again; err must not be nil.
func French(err error) (title, detail string) {
	for _, e := range explanations() {
		if errors.Is(err, e.refusal) {
			return e.title, e.detail
		}
	}
	return "La vérification du PDF n’a pas pu se faire",
		"L’incident vient du parapheur et non de votre fichier. Réessayez dans quelques minutes ; s’il persiste, prévenez votre administrateur."
}
