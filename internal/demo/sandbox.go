package demo

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"parapheur/certs"
	"parapheur/circuits"
	"parapheur/dossiers"
	"parapheur/internal/wiring"
)

// SandboxGEC is the application of a sandbox, whose key is shown.
const SandboxGEC = "GEC en essai"

// Roles are the test persons of a sandbox, by what programs call them.
func Roles() map[string]string {
	return map[string]string{"redactrice": Drafter, "dgs": DGS, "maire": Mayor, "adjoint": Adjoint}
}

// SandboxPlan is the set-up of a sandbox: the people of the demonstration, with
// deadlines for the clock to reach. The administrator is who integrates.
func SandboxPlan(admin dossiers.PlannedPerson) dossiers.Plan {
	p := Plan()
	p.People = slices.DeleteFunc(p.People, func(x dossiers.PlannedPerson) bool { return x.Admin })
	admin.Admin = true
	p.People = append(p.People, admin)
	p.Applications = map[string]string{SandboxGEC: Drafter}
	for i := range p.Types {
		p.Types[i].Circuit.Steps = slices.Clone(p.Types[i].Circuit.Steps)
		for j := range p.Types[i].Circuit.Steps {
			st := &p.Types[i].Circuit.Steps[j]
			st.Days, st.RemindAfter = 5, []int{2}
			st.Escalate = circuits.Escalation{{After: 4, To: circuits.RungHead}}
		}
	}
	return p
}

// SeedSandbox makes the sandbox that the demonstration has beside its town,
// served at origin, or moves it there. The boolean says that it was there.
func SeedSandbox(ctx context.Context, s *wiring.System, ownerDSN, host, origin string) (dossiers.Tenant, dossiers.Founded, error) {
	t := dossiers.Tenant{SIRET: firstSandbox, Name: "Bac à sable de " + place, Place: place, RPID: host, Origin: origin}
	if err := tenant(ctx, ownerDSN, &t); err != nil {
		return t, dossiers.Founded{}, fmt.Errorf("seed the sandbox: %w", err)
	}
	admin := dossiers.PlannedPerson{Civility: "M.", GivenName: "Marc", FamilyName: "Delattre", Email: Administrator}
	f, err := FoundSandbox(ctx, s.Office.Parts, s.MasterKey(), t, admin)
	if err != nil {
		return t, f, fmt.Errorf("seed the sandbox: %w", err)
	}
	return t, f, nil
}

// firstSandbox is the SIRET of the sandbox of the demonstration.
const firstSandbox = "00000000000001"

// FoundSandbox gives a sandbox its fake PKI, its people, what they sign and
// decide with, and an application. It may be run again after an interruption:
// what is there stays. Keys and links are answered where they are new.
func FoundSandbox(ctx context.Context, node dossiers.Parts, masterKey []byte, t dossiers.Tenant, admin dossiers.PlannedPerson) (dossiers.Founded, error) {
	box, err := wiring.FoundBox(ctx, node, masterKey, t)
	if err != nil {
		return dossiers.Founded{}, err
	}
	f, err := box.Office.Found(ctx, t, SandboxPlan(admin))
	if err != nil && !errors.Is(err, dossiers.ErrConflict) {
		return f, err
	}
	if _, err := Furnish(ctx, box.Office, t); err != nil {
		return f, err
	}
	for _, step := range []func(context.Context, *wiring.Box, dossiers.Tenant) error{cast, specimenKeys} {
		if err := step(ctx, box, t); err != nil {
			return f, err
		}
	}
	all, err := box.Office.Reinvite(ctx, t)
	f.Invitations = all
	return f, err
}

// cast gives the test persons their passkeys in software.
func cast(ctx context.Context, box *wiring.Box, t dossiers.Tenant) error {
	there, err := box.Office.Store.TestPersons(ctx, t.ID)
	if err != nil {
		return err
	}
	for role, email := range Roles() {
		if slices.ContainsFunc(there, func(x dossiers.TestPerson) bool { return x.Role == role }) {
			continue
		}
		p, err := box.Office.Store.PersonByEmail(ctx, t.ID, email)
		if err != nil {
			return fmt.Errorf("cast %s: %w", role, err)
		}
		if err := box.Cast(ctx, t, p, role); err != nil {
			return err
		}
	}
	return nil
}

// specimenKeys gives those who sign a certificate of the fake PKI, and the town
// its seal.
func specimenKeys(ctx context.Context, box *wiring.Box, t dossiers.Tenant) error {
	people, err := box.Office.Store.People(ctx, t.ID)
	if err != nil {
		return err
	}
	for _, p := range people {
		if len(p.Seats) == 0 {
			continue
		}
		err := specimenKey(ctx, box, t, p.ID, "Clé spécimen de "+p.Name(), func() (*certs.Key, error) {
			return box.PKI.Person(certs.DemoPerson{Name: p.Name(), Quality: p.Seats[0].Quality, Town: t.Place})
		})
		if err != nil {
			return err
		}
	}
	return specimenKey(ctx, box, t, "", "Cachet spécimen du bac à sable", func() (*certs.Key, error) { return box.PKI.TownSeal(t.Name, t.SIRET) })
}

func specimenKey(ctx context.Context, box *wiring.Box, t dossiers.Tenant, p circuits.PersonID, label string, make func() (*certs.Key, error)) error {
	r, err := box.Ring.Readiness(ctx, t, p)
	if err != nil {
		return fmt.Errorf("%s: %w", label, err)
	}
	if r.Kind != "" {
		return nil
	}
	k, err := make()
	if err != nil {
		return fmt.Errorf("%s: %w", label, err)
	}
	if err := box.Ring.Add(ctx, t, uuid.NewString(), p, label, k, dossiers.Founder()); err != nil {
		return fmt.Errorf("%s: %w", label, err)
	}
	return nil
}
