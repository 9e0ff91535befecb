package problem_test

import (
	"strings"
	"testing"

	"parapheur/dossiers"
	"parapheur/internal/problem"
)

// Each problem of a key is said in French, with a sentence of its own.
func TestEveryKeyProblemIsSaid(t *testing.T) {
	t.Parallel()
	said := map[string]dossiers.KeyProblem{}
	for _, p := range []dossiers.KeyProblem{
		dossiers.KeyMissing, dossiers.KeySuspended, dossiers.KeyExpired, dossiers.KeyNotYetValid, dossiers.KeyWeak, dossiers.KeyWrongUsage,
		dossiers.KeyUntrusted, dossiers.KeyRevoked, dossiers.KeyDemonstration, dossiers.KeyUnreachable, dossiers.KeyExpiresSoon,
		dossiers.KeyRevocationUnknown, dossiers.KeyNeedsActivation, dossiers.NobodyAble, dossiers.NoTimestamping, dossiers.NoRevocation,
	} {
		text := problem.OfKey(p)
		if text == string(p) || !strings.HasSuffix(text, ".") {
			t.Errorf("%s: %q", p, text)
		}
		if other, twice := said[text]; twice {
			t.Errorf("%s and %s are said alike", p, other)
		}
		said[text] = p
	}
}

// Who asked to be refused reads which signature, whose key and why.
func TestNotReadyIsSaidByStep(t *testing.T) {
	t.Parallel()
	p := problem.For(&dossiers.NotReadyError{Steps: []dossiers.StepReadiness{{
		Title: "Signature du Maire", Desk: "Maire",
		Problems: []dossiers.StepProblem{{Problem: dossiers.KeyExpired, Name: "Hélène Garnier"}, {Problem: dossiers.NoTimestamping}},
	}}})
	if p.Type != "signature-not-ready" || len(p.Fields) != 2 || p.Fields[0].Message != "Signature du Maire, Hélène Garnier\u00a0: Certificat échu. Il en faut un autre." ||
		!strings.HasPrefix(p.Fields[1].Message, "Signature du Maire, Maire\u00a0: Aucune autorité d’horodatage") {
		t.Errorf("%+v", p)
	}
}
