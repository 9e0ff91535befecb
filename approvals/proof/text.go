package proof

// French is the outcome in a word for people.
func (o Outcome) French() string {
	switch o {
	case Valid:
		return "valide"
	case Invalid:
		return "invalide"
	case Unverifiable:
		return "invérifiable"
	}
	return ""
}

// French is the reason in a sentence for people, in French; empty for a code that is not one.
func (r Reason) French() string {
	for _, texts := range []map[Reason]string{
		missingTexts(), decisionTexts(), gestureTexts(), registrationTexts(), enrolmentTexts(),
	} {
		if s, ok := texts[r]; ok {
			return s
		}
	}
	return ""
}

func missingTexts() map[Reason]string {
	return map[Reason]string{
		MissingEvidence:           "Une pièce de la preuve manque : la vérification ne peut pas conclure.",
		MissingDocument:           "Le document approuvé n’est pas fourni : rien ne dit que la décision porte sur lui.",
		MissingAttestation:        "L’attestation de la clé d’accès, faite à l’enrôlement, manque.",
		MissingRegistrationClient: "Ce que le navigateur a déclaré à l’enrôlement de la clé d’accès manque.",
		Specimen:                  "Spécimen du bac à sable : sans valeur.",
		MissingEnrolment:          "La déclaration d’enrôlement manque : rien ne dit à qui est la clé d’accès.",
	}
}

func decisionTexts() map[Reason]string {
	return map[Reason]string{
		BadEvidence:  "Le fichier de preuve n’a pas la forme attendue.",
		BadStatement: "La déclaration de décision n’a pas la forme attendue.",
		BadSet:       "L’ensemble approuvé n’a pas la forme attendue.",
		BadActor:     "La décision et le geste ne sont pas de la même personne.",
		BadBatch:     "Le geste approuve plus de décisions qu’il n’est permis.",
		BadLifetime:  "La durée de validité annoncée n’est pas permise.",
		BadReceived:  "Le geste a été reçu hors de sa durée de validité.",
		BadInclusion: "La décision ne fait pas partie de l’ensemble approuvé.",
		BadDocument:  "Le document n’est pas celui qui a été approuvé.",
		BadPrevious:  "La preuve précédente du dossier n’est pas celle que nomme la décision.",
	}
}

func gestureTexts() map[Reason]string {
	return map[Reason]string{
		BadClientData:        "Ce que le navigateur a déclaré n’a pas la forme attendue.",
		BadType:              "Le geste n’est pas une approbation.",
		BadChallenge:         "Le geste approuve autre chose que cet ensemble de décisions.",
		BadOrigin:            "Le geste a été fait sur un autre site.",
		BadCrossOrigin:       "Le geste a été fait dans un cadre inséré dans une autre page.",
		BadAuthenticatorData: "Ce que l’authentificateur a déclaré n’a pas la forme attendue.",
		BadRPID:              "La clé d’accès a servi pour un autre nom de site.",
		BadPresence:          "L’authentificateur n’atteste pas la présence d’une personne.",
		BadVerification:      "L’authentificateur n’a pas vérifié la personne (biométrie ou code).",
		BadBackup:            "Les indicateurs de copie de la clé d’accès se contredisent.",
		BadKey:               "La clé d’accès n’est pas d’un type admis.",
		BadSignature:         "La signature n’est pas celle de la clé d’accès.",
	}
}

func registrationTexts() map[Reason]string {
	return map[Reason]string{
		BadAttestation:        "L’attestation de la clé d’accès n’a pas la forme attendue.",
		BadAttestedKey:        "L’attestation est celle d’une autre clé d’accès.",
		BadRegistrationRP:     "La clé d’accès a été enrôlée pour un autre nom de site.",
		BadRegistrationUser:   "La personne n’a pas été vérifiée à l’enrôlement de la clé d’accès.",
		BadRegistrationClient: "Ce que le navigateur a déclaré à l’enrôlement n’est pas un enrôlement.",
		BadRegistrationOrigin: "La clé d’accès a été enrôlée sur un autre site.",
		BadRegistrationGoal:   "L’enrôlement de la clé d’accès n’est pas celui de la déclaration.",
		BadAttestationProof:   "La signature de l’attestation ne correspond pas.",
	}
}

func enrolmentTexts() map[Reason]string {
	return map[Reason]string{
		BadEnrolment:       "La déclaration d’enrôlement n’a pas la forme attendue.",
		BadEnrolmentDigest: "La déclaration d’enrôlement n’est pas celle que nomme la preuve.",
		BadEnrolmentKey:    "La déclaration d’enrôlement est celle d’une autre clé d’accès.",
		BadEnrolmentPerson: "La clé d’accès est enrôlée au nom d’une autre personne ou d’une autre collectivité.",
		BadEnrolmentTime:   "La clé d’accès a été enrôlée après la décision.",
	}
}
