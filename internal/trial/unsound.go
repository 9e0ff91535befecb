package trial

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"parapheur/circuits"
)

// Unsound tells in French, as the end of a sentence, what circuits.Check found:
// "étape 2 : elle n’a pas de nom". Its table is held to every reason of Check by
// a test.
func Unsound(err error) string {
	var e *circuits.UnsoundError
	if !errors.As(err, &e) {
		return "il n’est pas cohérent"
	}
	text := "il n’est pas cohérent"
	for _, r := range reasons() {
		if found := r.english.FindStringSubmatch(e.Why); found != nil {
			text = r.french
			for i, part := range found[1:] {
				text = strings.ReplaceAll(text, fmt.Sprintf("{%d}", i+1), part)
			}
			break
		}
	}
	if e.Step > 0 {
		return fmt.Sprintf("étape %d : %s", e.Step, text)
	}
	return text
}

type reason struct {
	english *regexp.Regexp
	french  string
}

func reasons() []reason {
	var out []reason
	for _, r := range [][2]string{
		{`identifier ".*" empty or repeated`, "son identifiant manque, ou sert déjà à une autre"},
		{`kind "(.*)"`, "l’acte « {1} » n’existe pas"},
		{`no title`, "elle n’a pas de nom"},
		{`a desk and actors`, "dites qui agit par « desk » ou par « actors », pas les deux"},
		{`only a seal is put by the machine.*`, "seul un cachet est automatique, et personne n’y est désigné"},
		{`no desk`, "personne n’est désigné pour agir"},
		{`no metadata field`, "le champ qui désigne le bureau manque"},
		{`a choice among no desk`, "aucun bureau n’est proposé au choix du départ"},
		{`actor rule "(.*)"`, "la règle « {1} » n’existe pas"},
		{`nobody is asked to act, in whatever number`, "personne n’y agit : n’y demandez pas combien"},
		{`(\d+) actors for one turn.*`, "{1} acteurs sont désignés : dites s’ils agissent tous, ou l’un d’eux, ou combien"},
		{`quorum of (-?\d+) among (\d+)`, "il en faut {1} sur {2}, c’est impossible"},
		{`a number without quorum`, "un nombre d’accords est donné sans être demandé"},
		{`one person counts once.*`, "une personne ne peut compter pour plusieurs bureaux que si tous doivent agir"},
		{`the first who acts, in order`, "« l’un d’eux » ne se fait pas dans l’ordre"},
		{`need "(.*)"`, "« {1} » ne dit pas combien doivent agir"},
		{`escalation not in order`, "les échelons du retard ne sont pas dans l’ordre des jours"},
		{`escalation to "(.*)"`, "l’échelon « {1} » n’existe pas"},
		{`(-?\d+) days`, "un délai de {1} jours ne se compte pas : de 0 à 2 600"},
		{`reminders without a deadline`, "il y a des relances, et pas de délai"},
		{`a reminder that no day answers to`, "une relance se compte de 1 à 2 600 jours"},
		{`an escalation before the deadline`, "un échelon du retard vient avant l’échéance"},
		{`refusal to "(.*)"`, "le refus « {1} » n’existe pas"},
		{`steps to refuse to, and no choice among them`, "des étapes sont proposées au refus, qui n’en laisse pas le choix"},
		{`refusal to a step that does not come before`, "le refus renvoie à une étape qui ne vient pas avant"},
		{`a metadata field without name`, "un champ demandé n’a pas de nom"},
		{`code "(.*)", version (-?\d+)`, "le code « {1} » ou la version {2} ne vont pas"},
		{`no signature step`, "il n’a ni signature, ni cachet, ni acte externe, et aucun circuit ne le suit"},
	} {
		out = append(out, reason{regexp.MustCompile("^" + r[0] + "$"), r[1]})
	}
	return out
}
