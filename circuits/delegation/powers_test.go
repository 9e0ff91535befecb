package delegation_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"parapheur/circuits"
	"parapheur/circuits/delegation"
)

const (
	mayor   = circuits.PersonID("maire")
	first   = circuits.PersonID("premiere-adjointe")
	second  = circuits.PersonID("second-adjoint")
	council = circuits.PersonID("conseiller")
	dgs     = circuits.PersonID("dgs")
	dga     = circuits.PersonID("dga")
	clerk   = circuits.PersonID("agent")

	mayorDesk = circuits.DeskID("bureau-maire")
	dgsDesk   = circuits.DeskID("bureau-dgs")

	day = delegation.Date("2026-06-15")
)

// town is a town hall where the DGS signs by delegation, then the DGA.
func town() delegation.Snapshot {
	return delegation.Snapshot{
		People: map[circuits.PersonID]delegation.Person{
			mayor:   {Name: "Hélène Garnier", Civility: "Mme", Active: true, Rank: 1, MandateEnd: "2032-03-20"},
			first:   {Name: "Anne Lebon", Civility: "Mme", Active: true, Rank: 2, Adjoint: true, MandateEnd: "2032-03-20"},
			second:  {Name: "Paul Vidal", Civility: "M.", Active: true, Rank: 3, Adjoint: true, MandateEnd: "2032-03-20"},
			council: {Name: "Luc Petit", Civility: "M.", Active: true, Rank: 9},
			dgs:     {Name: "Philippe Rousseau", Civility: "M.", Active: true},
			dga:     {Name: "Inès Roche", Civility: "Mme", Active: true},
			clerk:   {Name: "Claire Marchand", Civility: "Mme", Active: true},
		},
		Holders: map[circuits.DeskID][]delegation.Holder{
			mayorDesk: {{Person: mayor, Quality: "Maire"}},
			dgsDesk:   {{Person: dgs, Quality: "Directeur général des services"}},
		},
		Delegations: []delegation.Delegation{
			arrete("2026-041", delegation.Signature, dgs, "Directeur général des services", 1),
			arrete("2026-042", delegation.Signature, dga, "Directrice générale adjointe des services", 2),
		},
	}
}

// arrete is in force since the first of April.
func arrete(number string, basis delegation.Basis, to circuits.PersonID, quality string, priority int) delegation.Delegation {
	return delegation.Delegation{
		ID: delegation.ID(number), Number: number, Basis: basis, Signed: "2026-03-28", Published: "2026-03-30", Notified: "2026-03-31", Transmitted: "2026-03-30",
		Delegator: delegation.Party{Person: mayor, Quality: "Maire", Article: "le"}, Delegate: delegation.Party{Person: to, Quality: quality},
		From: "2026-04-01", Priority: priority,
	}
}

func letter() delegation.Act {
	return delegation.Act{Type: "courrier/reponse", Within: []string{"courrier"}, Class: delegation.Letter}
}

// who renders a resolution: "maire holder, dgs delegate; dga: earlier_delegate_present".
func who(r delegation.Resolution) string {
	var may, not []string
	for _, p := range r.Powers {
		may = append(may, string(p.Person)+" "+string(p.Capacity))
	}
	for _, x := range r.Refused {
		not = append(not, string(x.Person)+": "+string(x.Why.Reason))
	}
	return strings.Join(may, ", ") + "; " + strings.Join(not, ", ")
}

func TestPowers(t *testing.T) {
	t.Parallel()
	away := func(p circuits.PersonID) delegation.Absence {
		return delegation.Absence{Person: p, From: "2026-06-15", To: "2026-06-19"}
	}
	impeded := func(p circuits.PersonID) delegation.Impediment {
		return delegation.Impediment{ID: "i", Person: p, Motive: "Hospitalisation", Proof: "Certificat", From: "2026-06-10"}
	}
	type world struct {
		delegation.Snapshot
		act  delegation.Act
		desk circuits.DeskID
		at   delegation.Date
	}
	for name, c := range map[string]struct {
		change func(*world)
		want   string
	}{
		"the holder and the first delegate": {
			func(*world) {}, "maire holder, dgs delegate; agent-dga: earlier_delegate_present",
		},
		"the second delegate when the first is away": {
			func(w *world) { w.Absences = []delegation.Absence{away(dgs)} }, "maire holder, dga delegate; dgs: away",
		},
		"nobody when both delegates are away": {
			func(w *world) { w.Absences = []delegation.Absence{away(dgs), away(dga)} }, "maire holder; dgs: away, dga: away",
		},
		"an absence that is over": {
			func(w *world) { w.Absences = []delegation.Absence{away(dgs)}; w.at = "2026-06-20" }, "maire holder, dgs delegate; agent-dga: earlier_delegate_present",
		},
		"an absence that was cancelled": {
			func(w *world) {
				a := away(dgs)
				a.Cancelled = true
				w.Absences = []delegation.Absence{a}
			}, "maire holder, dgs delegate; agent-dga: earlier_delegate_present",
		},
		"delegates of one rank act alike": {
			func(w *world) { w.Delegations[1].Priority = 1 }, "maire holder, dgs delegate, dga delegate; ",
		},
		"the second delegate when the first is out of scope": {
			func(w *world) { w.Delegations[0].Scope.Types = []string{"urbanisme"} }, "maire holder, dga delegate; dgs: out_of_type",
		},
		"a type covers its sub-types": {
			func(w *world) { w.Delegations[0].Scope.Types = []string{"courrier"} }, "maire holder, dgs delegate; agent-dga: earlier_delegate_present",
		},
		"not published": {
			func(w *world) { w.Delegations = w.Delegations[:1]; w.Delegations[0].Published = "" }, "maire holder; dgs: not_published",
		},
		"published tomorrow": {
			func(w *world) { w.Delegations = w.Delegations[:1]; w.Delegations[0].Published = "2026-06-16" }, "maire holder; dgs: not_published",
		},
		"published today": {
			func(w *world) { w.Delegations = w.Delegations[:1]; w.Delegations[0].Published = day }, "maire holder, dgs delegate; ",
		},
		"not transmitted": {
			func(w *world) { w.Delegations = w.Delegations[:1]; w.Delegations[0].Transmitted = "" }, "maire holder; dgs: not_transmitted",
		},
		"not notified to the agent": {
			func(w *world) { w.Delegations = w.Delegations[:1]; w.Delegations[0].Notified = "" }, "maire holder; dgs: not_notified",
		},
		"functions need no notification": {
			func(w *world) {
				d := arrete("2026-050", delegation.Functions, first, "Première adjointe au maire", 0)
				d.Notified = ""
				w.Delegations = []delegation.Delegation{d}
			}, "maire holder, premiere-adjointe delegate; ",
		},
		"not begun": {
			func(w *world) { w.Delegations = w.Delegations[:1]; w.at = "2026-03-31" }, "maire holder; dgs: not_started",
		},
		"on its last day": {
			func(w *world) { w.Delegations = w.Delegations[:1]; w.Delegations[0].To = day }, "maire holder, dgs delegate; ",
		},
		"the day after its last": {
			func(w *world) { w.Delegations = w.Delegations[:1]; w.Delegations[0].To = "2026-06-14" }, "maire holder; dgs: ended",
		},
		"withdrawn today": {
			func(w *world) { w.Delegations = w.Delegations[:1]; w.Delegations[0].Withdrawn = day }, "maire holder; dgs: withdrawn",
		},
		"withdrawn tomorrow": {
			func(w *world) { w.Delegations = w.Delegations[:1]; w.Delegations[0].Withdrawn = "2026-06-16" }, "maire holder, dgs delegate; ",
		},
		"decisions are not letters": {
			func(w *world) {
				w.Delegations = w.Delegations[:1]
				w.Delegations[0].Scope.Classes = []delegation.Class{delegation.Letter}
				w.act.Class = delegation.Decision
			}, "maire holder; dgs: out_of_class",
		},
		"another desk of the delegator": {
			func(w *world) {
				w.Delegations = w.Delegations[:1]
				w.Delegations[0].Scope.Desks = []circuits.DeskID{"ccas"}
			}, "maire holder; dgs: out_of_desk",
		},
		"an amount at the limit": {
			func(w *world) {
				limited(w.Delegations)
				w.act.Amounts = map[string]delegation.Amount{"montant": 4000000}
			},
			"maire holder, dgs delegate; agent-dga: earlier_delegate_present",
		},
		"a cent too much": {
			func(w *world) {
				limited(w.Delegations)
				w.act.Amounts = map[string]delegation.Amount{"montant": 4000001}
			},
			"maire holder, dga delegate; dgs: out_of_amount",
		},
		"an unknown amount": {
			func(w *world) { limited(w.Delegations) }, "maire holder, dga delegate; dgs: amount_unknown",
		},
		"a matter of the council": {
			func(w *world) { w.act.Council = true }, "maire holder; dgs: council_matter, dga: council_matter",
		},
		"a matter of the council, sub-delegated": {
			func(w *world) {
				w.act.Council = true
				w.Delegations = []delegation.Delegation{arrete("2026-060", delegation.SubDelegation, first, "Adjointe aux finances", 0)}
			}, "maire holder, premiere-adjointe delegate; ",
		},
		"in the absence only, and the mayor is there": {
			func(w *world) { w.Delegations = w.Delegations[:1]; w.Delegations[0].AbsenceOnly = true }, "maire holder; dgs: principal_present",
		},
		"in the absence only, and the mayor is away": {
			func(w *world) {
				w.Delegations = w.Delegations[:1]
				w.Delegations[0].AbsenceOnly = true
				w.Absences = []delegation.Absence{away(mayor)}
			}, "maire holder, dgs delegate; ",
		},
		"in the absence only does not hold back the next": {
			func(w *world) { w.Delegations[0].AbsenceOnly = true }, "maire holder, dga delegate; dgs: principal_present",
		},
		"a delegate does not delegate again": {
			func(w *world) {
				w.Delegations = w.Delegations[:1]
				again := arrete("2026-070", delegation.Signature, clerk, "Responsable du courrier", 0)
				again.Delegator = delegation.Party{Person: dgs, Quality: "Directeur général des services"}
				w.Delegations = append(w.Delegations, again)
			}, "maire holder, dgs delegate; agent: chained",
		},
		"a delegation of the DGS holds at his own desk": {
			func(w *world) {
				again := arrete("2026-070", delegation.Signature, clerk, "Responsable du courrier", 0)
				again.Delegator = delegation.Party{Person: dgs, Quality: "Directeur général des services"}
				w.Delegations, w.desk = append(w.Delegations, again), dgsDesk
			}, "dgs holder, agent delegate; ",
		},
		"an impeded mayor: the next adjoint, and delegates go on": {
			func(w *world) { w.Impediments = []delegation.Impediment{impeded(mayor)} },
			"premiere-adjointe substitute, dgs delegate; maire: impeded, agent-dga: earlier_delegate_present",
		},
		"an impeded mayor and an absent first adjoint": {
			func(w *world) {
				w.Delegations = nil
				w.Impediments, w.Absences = []delegation.Impediment{impeded(mayor)}, []delegation.Absence{away(first)}
			}, "second-adjoint substitute; maire: impeded, premiere-adjointe: away",
		},
		"an impediment that is over": {
			func(w *world) {
				i := impeded(mayor)
				i.To = "2026-06-14"
				w.Delegations, w.Impediments = nil, []delegation.Impediment{i}
			}, "maire holder; ",
		},
		"no adjoint left": {
			func(w *world) {
				w.Delegations = nil
				w.Impediments = []delegation.Impediment{impeded(mayor), impeded(first), impeded(second)}
			}, "; maire: impeded, premiere-adjointe: impeded, second-adjoint: impeded",
		},
		"an absence is no impediment": {
			func(w *world) { w.Delegations = nil; w.Absences = []delegation.Absence{away(mayor)} }, "maire holder; ",
		},
		"an impeded DGS has no suppléance": {
			func(w *world) { w.desk = dgsDesk; w.Impediments = []delegation.Impediment{impeded(dgs)} }, "; dgs: impeded",
		},
		"the mandate of the mayor ended": {
			func(w *world) { end(w.Snapshot, mayor, "2026-06-14"); w.Delegations = w.Delegations[:1] },
			"; maire: mandate_ended, dgs: principal_mandate_ended",
		},
		"on the last day of the mandate": {
			func(w *world) { end(w.Snapshot, mayor, day); w.Delegations = w.Delegations[:1] }, "maire holder, dgs delegate; ",
		},
		"an impediment does not outlive the mandate": {
			func(w *world) {
				end(w.Snapshot, mayor, "2026-06-14")
				w.Delegations, w.Impediments = nil, []delegation.Impediment{impeded(mayor)}
			}, "; maire: mandate_ended",
		},
		"the post of the delegate ended": {
			func(w *world) { end(w.Snapshot, dgs, "2026-06-14") }, "maire holder, dga delegate; dgs: mandate_ended",
		},
		"an inactive delegate": {
			func(w *world) {
				p := w.People[dgs]
				p.Active = false
				w.People[dgs] = p
			}, "maire holder, dga delegate; dgs: inactive",
		},
		"a recused delegate": {
			func(w *world) { w.act.Recusals = []delegation.Recusal{{Person: dgs}} }, "maire holder, dga delegate; dgs: recused",
		},
		"a recused mayor recuses those under her": {
			func(w *world) { w.act.Recusals = []delegation.Recusal{{Person: mayor}} }, "; maire: recused, dgs: principal_recused, dga: principal_recused",
		},
		"a recused mayor and whom she designated": {
			func(w *world) {
				w.act.Recusals = []delegation.Recusal{{Person: mayor, Substitute: first, Number: "2026-080"}}
			},
			"premiere-adjointe substitute; maire: recused, dgs: principal_recused, dga: principal_recused",
		},
		"who was designated recuses himself too": {
			func(w *world) {
				w.Delegations = nil
				w.act.Recusals = []delegation.Recusal{{Person: mayor, Substitute: first}, {Person: first}}
			}, "; maire: recused, premiere-adjointe: recused",
		},
		"a replacement gives visas": {
			func(w *world) {
				w.desk, w.act.Internal = dgsDesk, true
				a := away(dgs)
				a.Replacement, a.Tray = dga, delegation.ShareTray
				w.Absences = []delegation.Absence{a}
			}, "dgs holder, dga replacement; ",
		},
		"a replacement does not sign": {
			func(w *world) {
				w.Delegations = nil
				a := away(mayor)
				a.Replacement, a.Tray = clerk, delegation.ShareTray
				w.Absences = []delegation.Absence{a}
			}, "maire holder; ",
		},
		"the replacement is away too": {
			func(w *world) {
				w.desk, w.act.Internal = dgsDesk, true
				a := away(dgs)
				a.Replacement, a.Tray = dga, delegation.MoveTray
				w.Absences = []delegation.Absence{a, away(dga)}
			}, "dgs holder; dga: away",
		},
		"who holds the desk needs no delegation": {
			func(w *world) {
				w.Holders[mayorDesk] = append(w.Holders[mayorDesk], delegation.Holder{Person: dgs, Quality: "Maire"})
				w.Delegations = w.Delegations[:1]
			}, "maire holder, dgs holder; ",
		},
		"an unknown desk": {func(w *world) { w.desk = "?" }, "; "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := world{town(), letter(), mayorDesk, day}
			c.change(&w)
			want := strings.ReplaceAll(c.want, "agent-dga", "dga")
			if got := who(w.Powers(w.desk, w.act, w.at)); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}

func limited(d []delegation.Delegation) {
	d[0].Scope.Limit = &delegation.Limit{Field: "montant", Max: 4000000}
}

func end(s delegation.Snapshot, p circuits.PersonID, on delegation.Date) {
	x := s.People[p]
	x.MandateEnd = on
	s.People[p] = x
}

func TestMentions(t *testing.T) {
	t.Parallel()
	mme, m := delegation.Person{Civility: "Mme"}, delegation.Person{Civility: "M."}
	of := func(basis delegation.Basis, quality string) delegation.Delegation {
		return arrete("1", basis, dgs, quality, 0)
	}
	free := of(delegation.Signature, "Directeur général des services")
	free.Delegator.Article = ""
	for want, got := range map[string]string{
		"Pour le Maire et par délégation, le Directeur général des services":          delegation.Mention(of(delegation.Signature, "Directeur général des services"), m, m),
		"Pour la Maire et par délégation, le Directeur général des services":          delegation.Mention(free, mme, m),
		"Pour le Maire et par délégation, la Directrice générale adjointe":            delegation.Mention(of(delegation.Signature, "Directrice générale adjointe"), m, mme),
		"Pour le Maire et par délégation, l’adjoint délégué":                          delegation.Mention(of(delegation.Functions, "Deuxième adjoint au maire"), m, m),
		"Pour le Maire et par délégation, l’adjointe déléguée":                        delegation.Mention(of(delegation.Functions, "Adjointe"), m, mme),
		"Pour le Maire et par délégation, l’Adjointe au maire déléguée à l’urbanisme": delegation.Mention(of(delegation.Functions, "Adjointe au maire déléguée à l’urbanisme"), m, mme),
		"Pour le Maire et par délégation, le conseiller municipal délégué aux sports": delegation.Mention(of(delegation.Functions, "conseiller municipal délégué aux sports"), m, m),
		"Pour le Maire et par délégation, la Responsable du service de l’état civil":  delegation.Mention(of(delegation.Signature, "Responsable du service de l’état civil"), m, mme),
	} {
		if got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	s := town()
	s.Impediments = []delegation.Impediment{{Person: mayor, From: day}}
	if p, err := s.Powers(mayorDesk, letter(), day).Of(first); err != nil || p.Mention != "La Maire empêchée, l’adjointe suppléante" || p.Principal.Name != "Hélène Garnier" {
		t.Errorf("%+v, %v", p, err)
	}
	act := letter()
	act.Recusals = []delegation.Recusal{{Person: mayor, Substitute: second, Number: "2026-080"}}
	if p, err := town().Powers(mayorDesk, act, day).Of(second); err != nil || p.Mention != "La Maire s’étant déportée, le suppléant désigné" || p.Number != "2026-080" {
		t.Errorf("%+v, %v", p, err)
	}
}

// Every reason has its sentence; a refusal matches its reason.
func TestRefusals(t *testing.T) {
	t.Parallel()
	_, err := town().Powers(mayorDesk, letter(), day).Of(dga)
	var why *delegation.Refusal
	if !errors.As(err, &why) || !errors.Is(err, delegation.EarlierPresent) || !errors.Is(err, delegation.ErrPower) || !strings.Contains(why.French(), "Philippe Rousseau") {
		t.Errorf("%v", err)
	}
	if _, err := town().Powers(mayorDesk, letter(), day).Of(clerk); !errors.Is(err, circuits.ErrDesk) {
		t.Errorf("a stranger: %v", err)
	}
	generic := (&delegation.Refusal{Reason: "?"}).French()
	for _, r := range []delegation.Reason{
		delegation.NotPublished, delegation.NotTransmitted, delegation.NotNotified, delegation.NotStarted, delegation.Ended, delegation.Withdrawn,
		delegation.OutOfType, delegation.OutOfClass, delegation.OutOfDesk, delegation.OutOfAmount, delegation.AmountUnknown, delegation.CouncilMatter,
		delegation.PrincipalPresent, delegation.EarlierPresent, delegation.Chained, delegation.Away, delegation.Impeded, delegation.MandateEnded,
		delegation.PrincipalGone, delegation.Inactive, delegation.Recused, delegation.PrincipalRecused,
	} {
		if s := (&delegation.Refusal{Reason: r, Name: "X", On: day}).French(); s == generic || !strings.HasSuffix(s, ".") {
			t.Errorf("%s: %q", r, s)
		}
	}
	over := (&delegation.Refusal{Reason: delegation.OutOfAmount, Amount: 4500000, Max: 4000000}).French()
	if over != "Le montant (45\u00a0000,00\u00a0€) dépasse celui de la délégation (40\u00a0000,00\u00a0€)." {
		t.Error(over)
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	for field, change := range map[string]func(*delegation.Delegation){
		"number":    func(d *delegation.Delegation) { d.Number = " " },
		"basis":     func(d *delegation.Delegation) { d.Basis = "L2122-1" },
		"delegate":  func(d *delegation.Delegation) { d.Delegate.Person = d.Delegator.Person },
		"quality":   func(d *delegation.Delegation) { d.Delegate.Quality = "" },
		"priority":  func(d *delegation.Delegation) { d.Priority = -1 },
		"signed":    func(d *delegation.Delegation) { d.Published = "2026-03-01" },
		"from":      func(d *delegation.Delegation) { d.From = "2026-03-01" },
		"to":        func(d *delegation.Delegation) { d.To = "2026-02-30" },
		"withdrawn": func(d *delegation.Delegation) { d.Withdrawn = "hier" },
		"scope":     func(d *delegation.Delegation) { d.Scope.Classes = []delegation.Class{"x"} },
		"limit":     func(d *delegation.Delegation) { d.Scope.Limit = &delegation.Limit{Max: 1} },
	} {
		d := arrete("1", delegation.Signature, dgs, "DGS", 0)
		if err := d.Check(false); err != nil {
			t.Fatal(err)
		}
		change(&d)
		var flaw *delegation.Flaw
		if err := d.Check(false); !errors.As(err, &flaw) || flaw.Field != field || !errors.Is(err, delegation.ErrUnsound) {
			t.Errorf("%s: %v", field, err)
		}
	}
	if err := arrete("1", delegation.Signature, first, "Adjointe", 0).Check(true); err == nil {
		t.Error("a delegation of signature to an elected adjoint")
	}
	if err := arrete("1", delegation.Functions, dgs, "DGS", 0).Check(false); err == nil {
		t.Error("a delegation of functions to an agent")
	}
}

func TestAmounts(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]delegation.Amount{
		"40000": 4000000, "40 000,50": 4000050, "0.5": 50, "-3": -300, "1.001": 101, "1.0100": 101, "1\u202f000": 100000,
	} {
		if got, err := delegation.ParseAmount(text); err != nil || got != want {
			t.Errorf("%q: %d, %v", text, got, err)
		}
	}
	for _, bad := range []string{"", ".5", "1.2.3", "1e3", "abc", "999999999999999", "--1"} {
		if got, err := delegation.ParseAmount(bad); err == nil {
			t.Errorf("%q: %d", bad, got)
		}
	}
	if s := delegation.Amount(-123456).French(); s != "-1\u00a0234,56\u00a0€" {
		t.Error(s)
	}
	if s := delegation.Date("2026-05-01").French(); s != "1er mai 2026" {
		t.Error(s)
	}
	paris := time.FixedZone("Paris", 7200)
	if d := delegation.DateOf(time.Date(2026, 5, 1, 23, 0, 0, 0, time.UTC).In(paris)); d != "2026-05-02" || !d.Valid() {
		t.Error(d)
	}
	if slices.ContainsFunc([]delegation.Date{"", "2026-02-30", "x"}, delegation.Date.Valid) {
		t.Error("a day that does not exist")
	}
}

func FuzzParseAmount(f *testing.F) {
	f.Add("40 000,50")
	f.Add("-1.999")
	f.Fuzz(func(t *testing.T, s string) {
		a, err := delegation.ParseAmount(s)
		if err != nil {
			return
		}
		if b, err := delegation.ParseAmount(a.String()); err != nil || a != b {
			t.Fatalf("%q: %d, then %d, %v", s, a, b, err)
		}
	})
}
