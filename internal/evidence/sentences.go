package evidence

import (
	"strings"

	"parapheur/approvals/proof"
	"parapheur/internal/specimen"
)

// sentences says each finding in French, without the period: [Finding.French] adds the subject and the detail.
func sentences() map[Code]string {
	return map[Code]string{
		PackageUnreadable: "Le dossier de preuve est illisible, tronqué ou suivi d’octets étrangers",
		PackageTooLarge:   "Le dossier de preuve annonce plus de données qu’aucun dossier n’en demande : il a été refusé sans être lu",
		EntryName:         "Un fichier du dossier de preuve porte un nom interdit",
		EntryDuplicate:    "Un même nom de fichier est présent deux fois",
		EntryExtra:        "Un fichier qui n’a pas sa place dans le dossier de preuve y a été ajouté",
		EntryMissing:      "Un fichier manque au dossier de preuve",
		EntryDiffers:      "Un fichier n’est plus celui que le manifeste annonce",
		ManifestMalformed: "Le manifeste n’est pas dans la forme prévue",
		SealRemoved:       "Le cachet annoncé par le manifeste a été retiré",
		SealInvalid:       "Le cachet ne correspond pas au manifeste",
		SealOfAnother:     "Le cachet est celui d’une autre personne morale que la collectivité",
		DossierMalformed:  "La description du dossier n’est pas dans la forme prévue",
		DossierDiffers:    "La description du dossier ne dit pas ce que dit le journal",
		CircuitDiffers:    "Le circuit n’est pas celui que le journal a figé",
		AnnexesDiffer:     "La liste des annexes n’est pas celle du dépôt",
		JournalMalformed:  "L’extrait du journal n’est pas dans la forme prévue",
		JournalSubject:    "L’extrait du journal contient une inscription sur un autre dossier",
		JournalOrder:      "Les inscriptions du journal ne sont pas dans leur ordre",
		JournalHash:       "Une inscription du journal a été modifiée : elle n’a plus son empreinte",
		JournalRefused:    "Le journal contient un fait que le circuit n’autorise pas à cet endroit : une inscription a été ajoutée, retirée ou modifiée",
		JournalAbsent:     "Le journal de la collectivité ne contient pas ce que dit l’extrait",
		JournalBroken:     "Le journal de la collectivité qui a été donné ne tient pas",
		EnrolmentChain:    "La chaîne des enrôlements est rompue",
		EnrolmentUnknown:  "Une décision a été prise avec une clé qui n’est celle de personne dans la collectivité",
		DecisionMalformed: "La preuve d’une décision n’est pas dans la forme prévue",
		DecisionMisplaced: "La preuve d’une décision a été mise à la place d’une autre",
		DecisionDiffers:   "La preuve d’une décision n’est pas celle que le journal a inscrite",
		DecisionFiles:     "Un fichier d’une décision ne correspond pas à sa preuve",
		DecisionStatement: "Ce que la personne a approuvé n’est pas ce que le journal dit qu’elle a décidé",
		DecisionTime:      "Une décision est inscrite avant le geste qui la prouve",
		ReasonDiffers:     "Le motif n’est pas celui qui a été approuvé (ou l’avis, ou l’acte externe)",
		ProofDiffers:      "La preuve jointe d’un acte externe n’est pas celle que le journal a inscrite",
		MandateAct:        "L’arrêté que la personne a approuvé n’est pas celui que le journal a inscrit (numéro ou PDF)",
		MandatePersons:    "L’acte par lequel la personne a décidé pour une autre ne lie pas ces deux personnes, en ces qualités",
		MandateForce:      "L’acte par lequel la personne a décidé pour une autre n’était pas en vigueur ce jour-là",
		MandateScope:      "L’acte par lequel la personne a décidé pour une autre ne couvre pas ce bureau ou ce type de courrier",
		MandateUnknown:    "L’acte par lequel la personne a décidé pour une autre n’est pas parmi les inscriptions jointes",
		WitnessStranger:   "Qui répond d’une clé d’accès n’administrait pas la collectivité à cette date, selon le journal",
		WitnessRole:       "Aucune inscription jointe ne dit si qui répond d’une clé d’accès administrait la collectivité",
		ProofUnfiled:      "Aucune inscription jointe ne dit que la preuve a été remise par cette personne pour cette étape",
		SealUndated:       "Le cachet n’est pas horodaté par un tiers : rien n’établit depuis quand ce dossier de preuve existe",
		GroundsAbsent:     "Ce dossier de preuve est de la première forme : il ne porte pas les inscriptions sur les délégations et les répondants",
		ProofAbsent:       "La preuve de cet acte externe n’est pas jointe ; son empreinte est celle du journal",
		LetterUnknown:     "La lettre n’est pas celle du dossier, ou elle a été modifiée",
		SignatureInvalid:  "Une signature de la lettre n’est pas valide",
		SignatureMissing:  "Une signature inscrite au journal n’est pas dans la lettre",
		SignatureForeign:  "La signature n’a pas été faite avec le certificat inscrit au journal",
		SignatureLevel:    "La signature est d’un niveau inférieur à celui inscrit au journal",
		SignatureTime:     "La signature a été horodatée avant la décision de signer",
		Specimen:          specimen.French,
		SealMissing:       "Le manifeste n’est pas scellé : rien n’établit que ce dossier de preuve vient de la collectivité",
		SealUntrusted:     "Le cachet n’a pu être rattaché à aucune autorité de confiance",
		SealOwner:         "Le certificat du cachet ne dit pas de quelle personne morale il est",
		LetterMissing:     "La lettre n’a pas été donnée : les décisions n’ont pas été comparées à ses octets",
		LetterSuperseded:  "La lettre est un état antérieur de celle du dossier",
		LetterUnreadable:  "La lettre n’est pas un PDF lisible",
		SignatureUnknown:  "Une signature de la lettre n’a pas pu être vérifiée en entier",
		SignatureName:     "Le nom du certificat n’est pas celui de la personne qui a décidé",
		SignatureExtra:    "La lettre porte une signature que le dossier ne connaît pas",
		SignatureClaim:    "La date portée par la signature n’est pas celle de la décision",
		SignatureAbsent:   "La lettre ne porte aucune signature",
		JournalIncomplete: "Le journal qui a été donné ne couvre pas tout le dossier",
		ReasonMissing:     "Le texte d’un motif approuvé n’a pas été conservé",
		JournalContinues:  "Cet export continue un autre : ce qui précède n’est pas vérifié ici",
		EarlierVersion:    "Cette décision porte sur une version du document qui n’est pas jointe ; son empreinte est celle du journal",
		LetterExtended:    "Des octets ont été ajoutés à la lettre après la dernière signature du dossier (un horodatage d’archivage, par exemple)",
		NothingSigned:     "Le dossier n’a encore été signé par personne",
		JournalPartial:    "L’extrait n’a pas été comparé au journal complet de la collectivité",
	}
}

// proofSentences says in French what package proof refuses, about one decision.
func proofSentences() map[proof.Reason]string {
	return map[proof.Reason]string{
		proof.MissingEvidence:           "La preuve d’une décision est incomplète",
		proof.MissingDocument:           "Le document approuvé n’est pas dans la lettre qui a été donnée",
		proof.MissingAttestation:        "L’attestation d’enrôlement de la clé manque",
		proof.MissingRegistrationClient: "Les données d’enrôlement de la clé manquent",
		proof.Specimen:                  specimen.French,
		proof.MissingEnrolment:          "L’enrôlement de la clé manque",
		proof.BadEvidence:               "La preuve d’une décision n’est pas dans la forme prévue",
		proof.BadStatement:              "La déclaration approuvée n’est pas dans la forme prévue",
		proof.BadSet:                    "L’ensemble approuvé n’est pas dans la forme prévue",
		proof.BadActor:                  "La déclaration et l’ensemble approuvé ne nomment pas la même personne",
		proof.BadBatch:                  "Un seul geste a approuvé plus de décisions que permis",
		proof.BadLifetime:               "La durée laissée pour approuver n’est pas celle permise",
		proof.BadReceived:               "Le geste est arrivé hors du délai laissé pour approuver",
		proof.BadInclusion:              "La déclaration n’est pas dans l’ensemble que le geste a approuvé",
		proof.BadDocument:               "Le document n’est pas celui qui a été approuvé",
		proof.BadPrevious:               "La décision ne désigne pas celle qui la précède",
		proof.BadClientData:             "Les données du navigateur ne sont pas dans la forme prévue",
		proof.BadType:                   "Le geste a été fait pour autre chose qu’une décision",
		proof.BadChallenge:              "Le geste a approuvé autre chose que cet ensemble",
		proof.BadOrigin:                 "Le geste a été fait sur un autre site",
		proof.BadCrossOrigin:            "Le geste a été fait dans la page d’un autre site",
		proof.BadAuthenticatorData:      "Les données de l’authentificateur ne sont pas dans la forme prévue",
		proof.BadRPID:                   "Le geste a été fait pour un autre site que celui de la collectivité",
		proof.BadPresence:               "L’authentificateur n’atteste pas la présence de la personne",
		proof.BadVerification:           "L’authentificateur n’atteste pas la vérification de la personne (biométrie ou code)",
		proof.BadBackup:                 "Les indications de copie de la clé se contredisent",
		proof.BadKey:                    "La clé est d’un type refusé ou inconnu",
		proof.BadSignature:              "La signature de la clé d’accès est fausse",
		proof.BadAttestation:            "L’attestation d’enrôlement n’est pas dans la forme prévue",
		proof.BadAttestedKey:            "La clé n’est pas celle de l’attestation d’enrôlement",
		proof.BadRegistrationRP:         "La clé a été enrôlée pour un autre site",
		proof.BadRegistrationUser:       "La personne n’a pas été vérifiée à l’enrôlement de la clé",
		proof.BadRegistrationClient:     "Les données d’enrôlement de la clé ne sont pas dans la forme prévue",
		proof.BadRegistrationOrigin:     "La clé a été enrôlée sur un autre site",
		proof.BadRegistrationGoal:       "La clé a été enrôlée pour quelqu’un d’autre",
		proof.BadAttestationProof:       "La signature de l’attestation d’enrôlement est fausse",
		proof.BadEnrolment:              "L’enrôlement n’est pas dans la forme prévue",
		proof.BadEnrolmentDigest:        "L’enrôlement n’est pas celui que la preuve désigne",
		proof.BadEnrolmentKey:           "L’enrôlement est celui d’une autre clé",
		proof.BadEnrolmentPerson:        "L’enrôlement est celui de quelqu’un d’autre",
		proof.BadEnrolmentTime:          "La clé a été enrôlée après la décision",
	}
}

// French is the finding as one sentence for a reader, with where it is and its code. The detail, for specialists, is in the
// JSON form alone.
func (f Finding) French() string {
	s, ok := sentences()[f.Code]
	if !ok {
		s, ok = proofSentences()[proof.Reason(f.Code)]
	}
	if !ok {
		s = "Anomalie « " + string(f.Code) + " »"
	}
	more := []string{"code " + string(f.Code)}
	if f.Subject != "" {
		more = append([]string{subject(f.Subject)}, more...)
	}
	return s + " (" + strings.Join(more, " ; ") + ")."
}

// subject names what a finding is about.
func subject(s string) string {
	switch rest, signature := strings.CutPrefix(s, letterName+"#"); {
	case s == letterName:
		return "lettre"
	case signature:
		return "signature " + rest
	case s == "journal":
		return "journal de la collectivité"
	case s == "enrolments":
		return "enrôlements"
	case strings.HasPrefix(s, "enrolments#"):
		return "enrôlement d’empreinte " + strings.TrimPrefix(s, "enrolments#") + "…"
	}
	return s
}
