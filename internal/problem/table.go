package problem

import (
	"net/http"
	"slices"
	"time"

	"parapheur/approvals"
	"parapheur/circuits"
	"parapheur/circuits/delegation"
	"parapheur/dossiers"
	"parapheur/internal/blobs"
	"parapheur/internal/intake"
)

// Table returns every sentinel with its problem; the first that matches wins,
// so what is precise stands before what is general.
func Table() []Row {
	return slices.Concat(ofIntake(), ofBlobs(), ofCircuits(), ofApprovals(), ofDossiers())
}

func ofIntake() []Row {
	const unsupported, unprocessable = http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity
	return []Row{
		pdf(unsupported, intake.ErrNotPDF, "not-pdf"),
		pdf(unprocessable, intake.ErrTruncated, "truncated"),
		pdf(unprocessable, intake.ErrEncrypted, "encrypted"),
		pdf(unprocessable, intake.ErrTooManyPages, "too-many-pages"),
		pdf(http.StatusRequestEntityTooLarge, intake.ErrTooLarge, "too-large"),
		pdf(unprocessable, intake.ErrXFA, "dynamic-form"),
		pdf(unprocessable, intake.ErrTimeout, "too-complex"),
		pdf(unprocessable, intake.ErrProtectedSigned, "signed-and-locked"),
		pdf(unprocessable, intake.ErrSigned, "signature-would-break"),
		pdf(unprocessable, intake.ErrArchival, "archive-format-lost"),
		pdf(unprocessable, intake.ErrJoin, "annex-not-joinable"),
		pdf(unprocessable, intake.ErrDamaged, "damaged"),
	}
}

func ofCircuits() []Row {
	const conflict, forbidden, unprocessable = http.StatusConflict, http.StatusForbidden, http.StatusUnprocessableEntity
	const state = "state-conflict"
	return []Row{
		row(circuits.ErrState, conflict, state, "Le dossier n’en est plus là",
			"Dans son état actuel, le dossier ne permet pas cette action.", "Relisez-le pour voir où il en est."),
		row(circuits.ErrStep, conflict, "step-closed", "Cette étape n’attend pas de décision",
			"Elle est déjà passée, ou son tour n’est pas venu.", "Relisez le dossier."),
		row(circuits.ErrDesk, forbidden, "not-your-desk", "Cette étape revient à un autre bureau",
			"Seules les personnes qui tiennent ce bureau peuvent décider."),
		row(circuits.ErrKind, conflict, "wrong-decision", "L’étape attend une autre décision",
			"Un visa n’est pas une signature : relisez ce que l’étape demande."),
		row(circuits.ErrStale, conflict, "document-changed", "Le document a changé depuis votre lecture",
			"Ouvrez de nouveau la lettre et relisez-la avant de décider : votre décision ne porte que sur ce que vous avez vu."),
		row(circuits.ErrReason, unprocessable, "reason-needed", "Un refus doit être motivé",
			"Dites en quelques mots pourquoi : le rédacteur les lira."),
		row(circuits.ErrDrafter, forbidden, "drafter-only", "Seul le rédacteur peut faire cela",
			"Demandez-le à la personne qui a préparé la lettre, ou à l’application qui l’a déposée."),
		row(circuits.ErrAuthor, forbidden, "author-only", "Seul l’auteur d’une décision peut revenir dessus",
			"Demandez-le à la personne qui l’a prise."),
		row(circuits.ErrActed, conflict, "acted-since", "Il est trop tard pour revenir sur cette décision",
			"Quelqu’un a agi depuis sur ce dossier."),
		row(circuits.ErrSigned, conflict, "already-signed", "Une signature existe déjà",
			"Ce qui est signé ne se reprend pas et ne se modifie pas.", "Préparez une nouvelle lettre s’il le faut."),
		row(circuits.ErrEvidence, unprocessable, "gesture-needed", "Le geste de validation manque",
			"Une décision se prend avec votre clé d’accès (empreinte, visage ou code de l’appareil)."),
		row(circuits.ErrCircuit, conflict, "circuit-unsound", "Le circuit de ce type de courrier est incomplet",
			"Votre administrateur doit le corriger avant l’envoi."),
		{Err: delegation.ErrPower, Problem: noPower()},
		row(circuits.ErrSame, unprocessable, "same-document", "C’est le même document",
			"La nouvelle version est identique à la précédente, à l’octet près : vérifiez le fichier choisi."),
		row(circuits.ErrFacts, http.StatusInternalServerError, "condition-unknown", "Une condition du circuit n’a pas pu être évaluée",
			"Rien n’a été décidé. Prévenez votre administrateur."),
		row(circuits.ErrChoice, unprocessable, "desk-choice", "Un bureau reste à choisir",
			"Le circuit demande de choisir, à l’envoi, un bureau parmi ceux qu’il permet."),
		row(circuits.ErrTwice, conflict, "already-decided", "Vous avez déjà décidé à cette étape",
			"Une personne ne compte qu’une fois à une étape, qu’elle agisse pour elle-même ou pour une autre."),
		row(circuits.ErrMandate, forbidden, "mandate-missing", "Vous ne pouvez pas agir pour cette personne ici",
			"Il faut un arrêté de délégation, une suppléance ou un remplacement qui couvre cette étape."),
		row(circuits.ErrRecused, forbidden, "recused", "Un déport a été déclaré sur ce dossier",
			"La personne qui s’est déportée n’y décide plus et n’y donne pas d’instruction."),
		row(circuits.ErrMustRead, conflict, "must-read", "Ce document doit être lu avant la décision",
			"Ouvrez-le dans sa version actuelle, puis recommencez."),
		row(circuits.ErrAssurance, forbidden, "stronger-key", "Cette étape demande une clé d’accès plus sûre",
			"Utilisez une clé liée à un appareil, ou voyez avec votre administrateur."),
		row(circuits.ErrFields, unprocessable, "metadata-missing", "Des informations manquent",
			"Cette étape demande des métadonnées qui ne sont pas remplies."),
		row(circuits.ErrNoRefusal, conflict, "no-refusal", "Cette étape ne se refuse pas",
			"Le circuit ne le prévoit pas : donnez un avis, ou demandez au rédacteur de retirer le dossier."),
		row(circuits.ErrReturn, conflict, "no-return", "Le dossier ne peut pas revenir à cette étape",
			"Le circuit dit à quelles étapes un refus peut renvoyer."),
		row(circuits.ErrRecipient, unprocessable, "no-recipient", "Ce destinataire ne convient pas",
			"Choisissez un bureau ou une personne qui n’a pas déjà ce tour."),
		row(circuits.ErrOpinion, conflict, "opinion-awaited", "Un avis est attendu, ou n’est pas demandé à vous",
			"Relisez le dossier pour voir qui doit donner son avis."),
		row(circuits.ErrPolicy, conflict, "correction-refused", "Le circuit ne permet pas cette correction",
			"Déposez une correction qui fait reprendre le circuit depuis le début."),
		row(circuits.ErrKnown, conflict, "already-recorded", "C’est déjà enregistré", "Il n’y a rien de plus à faire."),
	}
}

func ofApprovals() []Row {
	const forbidden, bad, conflict = http.StatusForbidden, http.StatusBadRequest, http.StatusConflict
	again := "Recommencez depuis la page du dossier."
	return []Row{
		row(approvals.ErrExpired, conflict, "gesture-expired", "La demande a expiré", "Pour votre sécurité, une demande de validation ne vit que quelques minutes.", "Recommencez."),
		row(approvals.ErrPurpose, forbidden, "gesture-purpose", "Cette clé d’accès ne sert pas à cela", again),
		row(approvals.ErrSession, forbidden, "gesture-session", "La demande vient d’une autre session", "Vous vous êtes peut-être reconnecté entre-temps.", again),
		row(approvals.ErrCeremony, forbidden, "gesture-refused", "Le geste n’a pas pu être vérifié", again),
		row(approvals.ErrResponse, bad, "gesture-unreadable", "La réponse de l’appareil est illisible", "Recommencez ; si cela se reproduit, essayez un autre navigateur."),
		row(approvals.ErrChallenge, conflict, "gesture-replayed", "Le geste répond à une autre demande", "Deux fenêtres sont peut-être ouvertes sur le parapheur.", again),
		row(approvals.ErrOrigin, forbidden, "gesture-elsewhere", "Le geste vient d’un autre site", "Vérifiez l’adresse de la page : une copie du parapheur ne peut rien signer."),
		row(approvals.ErrUserPresence, forbidden, "gesture-absent", "Le geste n’a pas été confirmé", "Touchez ou déverrouillez l’appareil quand il le demande, puis recommencez."),
		row(approvals.ErrUserVerification, forbidden, "gesture-unverified", "L’appareil ne vous a pas reconnu", "L’empreinte, le visage ou le code de l’appareil est exigé.", "Recommencez."),
		row(approvals.ErrUnknownCredential, forbidden, "passkey-unknown", "Cette clé d’accès n’est pas reconnue", "Elle a été révoquée, ou elle appartient à un autre compte.", "Choisissez-en une autre."),
		row(approvals.ErrNoCredential, conflict, "passkey-missing", "Aucune clé d’accès n’est enregistrée", "Demandez une invitation à votre administrateur pour en enregistrer une."),
		row(approvals.ErrClone, forbidden, "passkey-doubtful", "Cette clé d’accès présente un doute", "Elle a peut-être été copiée : rien n’a été décidé.", "Prévenez votre administrateur."),
		row(approvals.ErrAssertion, forbidden, "gesture-refused", "Le geste n’a pas pu être vérifié", again),
		row(approvals.ErrRegistration, bad, "passkey-refused", "Cette clé d’accès ne peut pas être enregistrée", "L’appareil doit vous reconnaître par l’empreinte, le visage ou un code.", "Essayez un autre appareil."),
		row(approvals.ErrBatch, http.StatusUnprocessableEntity, "batch-refused", "Ces décisions ne peuvent pas être prises ensemble", "Décidez d’un dossier à la fois, ou d’un lot plus petit."),
		row(approvals.ErrStatement, conflict, "statement-refused", "La décision préparée ne tient plus", "Le dossier a pu changer.", again),
		row(approvals.ErrConfig, http.StatusInternalServerError, "misconfigured", "Le parapheur est mal réglé", "L’adresse de la collectivité et ses clés d’accès ne s’accordent pas.", "Prévenez votre administrateur."),
	}
}

func ofDossiers() []Row {
	const forbidden, conflict, missing = http.StatusForbidden, http.StatusConflict, http.StatusNotFound
	const unprocessable = http.StatusUnprocessableEntity
	return []Row{
		as(dossiers.ErrTooLarge, pdf(http.StatusRequestEntityTooLarge, intake.ErrTooLarge, "too-large")),
		row(dossiers.ErrContent, unprocessable, "active-content", "Ce PDF contient un élément que la collectivité refuse", "Imprimez le document vers un nouveau PDF, puis déposez ce fichier."),
		row(dossiers.ErrLocked, unprocessable, "signatures-closed", "Ce PDF ne peut plus recevoir de signature", "La signature qu’il porte interdit d’en ajouter une autre.", "Demandez à son auteur un fichier sans ce verrou, ou joignez ce PDF en annexe."),
		row(dossiers.ErrUnreadable, unprocessable, "unsignable", "Ce PDF ne pourrait pas être signé", "Sa structure ne permet pas d’y ajouter une signature.", "Exportez le document de nouveau depuis l’application d’origine."),
		row(dossiers.ErrReference, conflict, "reference-used", "Cette référence est déjà utilisée", "Un dossier de la même application porte cette référence externe."),
		row(dossiers.ErrKeyReused, unprocessable, "idempotency-key-reused", "La clé d’idempotence a déjà servi", "La même clé accompagne une autre demande : une clé nouvelle est nécessaire pour un envoi différent."),
		later(row(dossiers.ErrInFlight, conflict, "request-in-flight", "La même demande est en cours", "Une demande portant la même clé d’idempotence n’est pas terminée.", "Attendez le délai indiqué par Retry-After, puis répétez-la."), 2*time.Second),
		row(dossiers.ErrAddress, forbidden, "address-refused", "Cette application n’appelle pas d’ici", "L’adresse d’où vient la demande n’est pas parmi celles que l’administrateur a inscrites pour cette application."),
		row(dossiers.ErrClient, http.StatusUnauthorized, "client-refused", "L’application n’est pas reconnue", "Son identifiant, son secret ou sa preuve ne convient pas, n’est plus en vigueur, ou a déjà servi."),
		row(dossiers.ErrScope, http.StatusBadRequest, "scope-refused", "Un des droits demandés n’est pas accordé", "L’application demande plus que ce que porte sa clé."),
		row(dossiers.ErrInvitation, http.StatusGone, "invitation-expired", "Cette invitation n’est plus valable", "Elle a servi, ou elle a expiré.", "Demandez-en une nouvelle à votre administrateur."),
		row(dossiers.ErrSignOnUnknown, http.StatusForbidden, "account-unknown", "Votre compte n’est encore rattaché à personne", "Votre demande est transmise à l’administrateur du parapheur.", "Il rattachera votre compte ; d’ici là, entrez avec votre clé d’accès."),
		row(dossiers.ErrSignOnElsewhere, http.StatusForbidden, "account-elsewhere", "Ce compte est celui d’un autre organisme", "Le numéro SIRET qu’il porte n’est pas celui de cette collectivité.", "Choisissez votre compte de la mairie, ou entrez avec votre clé d’accès."),
		row(dossiers.ErrSignOnWeak, http.StatusForbidden, "account-weak", "Cette connexion n’est pas assez sûre", "Ce parapheur demande une authentification à deux facteurs.", "Activez-la auprès de votre fournisseur d’identité, ou entrez avec votre clé d’accès."),
		row(dossiers.ErrSignOnDown, http.StatusBadGateway, "sign-on-unavailable", "Le service de connexion ne répond pas", "Ce n’est pas une erreur de votre part.", "Entrez avec votre clé d’accès, ou réessayez dans quelques minutes."),
		row(dossiers.ErrSignOn, http.StatusForbidden, "sign-on-refused", "La connexion n’a pas abouti", "Elle a été abandonnée, a expiré, a déjà servi, ou n’a pas pu être vérifiée.", "Recommencez depuis la page de connexion."),
		row(dossiers.ErrPanel, http.StatusGone, "panel-expired", "Ce panneau n’est plus valable", "Son adresse ne s’ouvre que quelques minutes.", "Rouvrez la fiche dans votre logiciel de courrier : il en demandera une nouvelle."),
		row(dossiers.ErrSignInNeeded, http.StatusUnauthorized, "sign-in-needed", "Connectez-vous", "Votre session est terminée, ou n’a pas commencé."),
		row(dossiers.ErrCeremony, conflict, "gesture-expired", "La demande a expiré", "Elle a déjà servi, ou elle a expiré.", "Recommencez."),
		row(dossiers.ErrKeyless, conflict, "no-signing-key", "Aucun certificat de signature n’est disponible", "Le signataire n’a pas de certificat utilisable.", "Votre administrateur peut en installer un ; la décision n’est pas perdue."),
		row(dossiers.ErrUnread, conflict, "unread", "Une des lettres n’a pas été ouverte", "Une décision sur plusieurs lettres demande que chacune ait été ouverte dans sa version actuelle.", "Ouvrez-la, puis recommencez."),
		row(dossiers.ErrPending, http.StatusForbidden, "passkey-pending", "Votre clé attend sa confirmation",
			"Un administrateur doit confirmer que cette clé d’accès est bien la vôtre. Elle n’ouvre rien d’ici là.", "Prévenez-le, puis revenez."),
		row(dossiers.ErrLastPasskey, conflict, "last-passkey", "C’est votre dernière clé d’accès", "Enregistrez-en une autre avant de révoquer celle-ci : sans clé, vous ne pourriez plus vous connecter."),
		row(dossiers.ErrOneself, conflict, "oneself", "Vous ne pouvez pas vous désactiver", "Un autre administrateur peut le faire."),
		later(row(dossiers.ErrUndrawn, http.StatusServiceUnavailable, "stamp-not-placed", "Le tampon n’a pas pu être posé", "La page n’a pas pu être dessinée : on ne sait pas où elle est libre.", "Redéposez la lettre dans un instant ; si cela se répète, déposez-la sans tampon."), 30*time.Second),
		later(row(dossiers.ErrNotMailed, http.StatusServiceUnavailable, "mail-not-sent", "Le courriel n’est pas parti", "Le serveur de messagerie ne l’a pas accepté.", "Recommencez plus tard, ou transmettez le lien vous-même."), 30*time.Second),
		later(row(dossiers.ErrUnavailable, http.StatusServiceUnavailable, "preview-unavailable", "L’aperçu n’est pas disponible", "Le document peut être téléchargé et lu, et la lettre signée."), 30*time.Second),
		later(row(dossiers.ErrSuspended, http.StatusServiceUnavailable, "town-suspended", "Ce parapheur est suspendu", "Le centre qui l’héberge l’a arrêté : personne n’y entre, et rien n’y est perdu.", "La collectivité s’adresse à lui."), time.Hour),
		row(dossiers.ErrActivation, conflict, "key-activation", "Votre clé de signature doit être activée", "Elle est gardée par un service de signature, qui demande votre accord pour chaque signature.", "Votre décision est enregistrée : activez votre clé depuis le dossier pour terminer la signature."),
		row(dossiers.ErrRevoked, conflict, "certificate-revoked", "Le certificat est révoqué", "Il ne peut plus servir à signer.", "Votre administrateur peut en installer un autre ; la décision n’est pas perdue."),
		row(dossiers.ErrNotLonger, conflict, "not-longer", "L’horodatage ne peut pas encore être renouvelé", "L’autorité n’a pas de certificat plus durable que celui en place."),
		row(dossiers.ErrNotReady, conflict, "signature-not-ready", "Une signature de ce circuit ne pourrait pas aboutir aujourd’hui", "La clé d’un signataire, ou un service dont elle a besoin, manque : le détail dit laquelle.", "Votre administrateur peut y remédier ; la lettre n’est pas partie."),
		row(dossiers.ErrUnready, conflict, "circuit-not-ready", "Ce circuit ne peut pas encore être publié", "Une lettre s’y arrêterait, ou un cas gardé ne prend plus le chemin attendu : le détail dit où.", "Corrigez le brouillon, puis recommencez."),
		later(row(dossiers.ErrAwaiting, conflict, "awaiting-timestamp", "La signature attend un service extérieur", "L’horodatage, ou l’état des certificats, ne répond pas : le parapheur réessaie de lui-même.", "Rien n’est perdu."), time.Minute),
		row(dossiers.ErrNotSandbox, forbidden, "not-a-sandbox", "Cette collectivité n’est pas un bac à sable", "Jouer des décisions et avancer l’horloge n’est possible que dans un bac à sable, jamais dans une vraie collectivité.", "Adressez-vous à votre bac à sable, avec sa propre clé."),
		row(dossiers.ErrClockBack, conflict, "clock-back", "L’horloge du bac à sable ne recule pas", "L’instant demandé est passé : ce qui a eu lieu garde sa date.", "Demandez un instant plus tard que celui de l’horloge."),
		row(dossiers.ErrConflict, conflict, "conflict", "Quelqu’un a agi entre-temps", "Relisez le dossier avant de recommencer."),
		row(dossiers.ErrForbidden, forbidden, "forbidden", "Vous n’avez pas ce droit", "Cette action n’est pas ouverte à votre compte.", "Voyez avec votre administrateur."),
		row(dossiers.ErrNoDraft, missing, "no-draft", "Ce brouillon n’existe plus", "Il a été publié ou abandonné entre-temps.", "Relisez le circuit, et préparez une nouvelle version s’il le faut."),
		row(dossiers.ErrNotFound, missing, "not-found", "Introuvable", "Cette adresse ne correspond à rien que vous puissiez voir."),
		{Err: dossiers.ErrInvalid, Problem: Invalid()},
	}
}

// ofBlobs: a fact names bytes, and they are not there or not the same. Nobody
// outside can do anything about it.
func ofBlobs() []Row {
	const name, title = "document-unreadable", "Le document ne peut pas être relu"
	detail := "Sa conservation est en défaut. Prévenez votre administrateur : il doit vérifier le stockage des documents."
	return []Row{
		row(blobs.ErrNotFound, http.StatusInternalServerError, name, title, detail),
		row(blobs.ErrCorrupt, http.StatusInternalServerError, name, title, detail),
		as(blobs.ErrTooLarge, pdf(http.StatusRequestEntityTooLarge, intake.ErrTooLarge, "too-large")),
	}
}
