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
			"Les signataires ne pourraient pas l’ouvrir. Enregistrez-en une copie sans mot de passe, puis déposez-la.",
		},
		{
			ErrProtectedSigned, "Ce PDF est signé et verrouillé contre les modifications",
			"Retirer le verrou casserait la signature qu’il porte, et rien ne peut s’y ajouter sans le retirer. Demandez à son auteur un fichier signé sans restriction.",
		},
		{
			ErrSigned, "Ce PDF porte déjà une signature",
			"Y apposer un tampon ou y joindre des pages casserait cette signature. Déposez-le tel quel, et gardez les annexes à part.",
		},
		{
			ErrArchival, "La lettre perdrait son format d’archivage (PDF/A)",
			"Une annexe à joindre n’est pas dans le même format PDF/A que la lettre. Gardez-la en annexe séparée, ou enregistrez-la dans ce format avant de la joindre.",
		},
		{
			ErrJoin, "Une annexe ne peut pas être jointe à la lettre",
			"Ses pages ne s’afficheraient pas à l’identique. Gardez-la en annexe séparée, ou imprimez-la vers un nouveau PDF avant de la joindre.",
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
