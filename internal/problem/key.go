package problem

import "parapheur/dossiers"

// OfKey says why a key, or a step that needs one, is not ready, and what helps.
func OfKey(p dossiers.KeyProblem) string {
	words := map[dossiers.KeyProblem]string{
		dossiers.KeyMissing:           "Aucun certificat de signature. Apportez-en un avec «\u00a0parapheur key add\u00a0».",
		dossiers.KeySuspended:         "Suspendu\u00a0: le jeton a refusé le code PIN. Apportez la clé de nouveau, avec le bon code.",
		dossiers.KeyExpired:           "Certificat échu. Il en faut un autre.",
		dossiers.KeyNotYetValid:       "Certificat pas encore valable.",
		dossiers.KeyWeak:              "Clé trop faible\u00a0: il faut RSA d’au moins 3072 bits, ou une courbe P-256 ou P-384.",
		dossiers.KeyWrongUsage:        "Certificat qui n’est pas fait pour signer des documents.",
		dossiers.KeyUntrusted:         "Chaîne incomplète\u00a0: aucun chemin ne mène à une racine reconnue ici (--roots).",
		dossiers.KeyRevoked:           "Certificat révoqué par son autorité. Il en faut un autre.",
		dossiers.KeyDemonstration:     "Certificat de démonstration, refusé ici.",
		dossiers.KeyUnreachable:       "Le jeton ou le service qui garde la clé ne répond pas.",
		dossiers.KeyExpiresSoon:       "Certificat bientôt échu\u00a0: demandez le suivant dès maintenant.",
		dossiers.KeyRevocationUnknown: "L’autorité n’a pas encore dit si le certificat est révoqué. On le lui demandera à la signature.",
		dossiers.KeyNeedsActivation:   "Le signataire autorisera chaque signature auprès de son service.",
		dossiers.NobodyAble:           "Personne ne peut agir à ce bureau.",
		dossiers.NoTimestamping:       "Aucune autorité d’horodatage n’est réglée (--tsa)\u00a0: le niveau demandé ne peut être atteint.",
		dossiers.NoRevocation:         "Rien ne permet d’interroger les autorités sur la révocation\u00a0: le niveau demandé ne peut être atteint.",
	}
	if w := words[p]; w != "" {
		return w
	}
	return string(p) // of a newer version than this page
}

// steps are the fields of a problem that say which signatures are not ready.
func steps(e *dossiers.NotReadyError) []Field {
	var out []Field
	for _, st := range e.Steps {
		for _, x := range st.Problems {
			who := st.Desk
			if x.Name != "" {
				who = x.Name
			}
			out = append(out, Field{Location: "type", Message: st.Title + ", " + who + "\u00a0: " + OfKey(x.Problem)})
		}
	}
	return out
}
