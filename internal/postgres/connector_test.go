package postgres_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"parapheur/dossiers"
	"parapheur/internal/demo"
	"parapheur/internal/postgres"
	"parapheur/internal/towntest"
)

// A connected is what a town has of a client that speaks another protocol.
type connected struct {
	connector dossiers.Connector
	theirs    dossiers.Dossier // made by it
}

// connects makes one row of everything.
func connects(t *testing.T, town *towntest.Town, b belonging) (out connected) {
	t.Helper()
	ctx := t.Context()
	admin := town.Person(t, demo.Administrator).Viewer(t)
	c, _, err := town.Office.AddConnector(ctx, admin, b.app.ID, dossiers.ConnectorIParapheur, dossiers.ConnectorRequest{Login: "gec-" + string(b.t)})
	if err != nil {
		t.Fatal(err)
	}
	out.connector = c
	gec, _, err := town.Office.Authenticate(ctx, town.Tenant, town.Founded.APIKeys[demo.GEC])
	if err != nil {
		t.Fatal(err)
	}
	out.theirs, _, err = town.Office.Deposit(ctx, gec, dossiers.Draft{
		Title: "Une lettre", Recipient: "Quelqu’un", TypeCode: "courrier-simple", Main: town.Letter(t), Start: true, Origin: anOrigin(c, "leur n° "+string(b.t)),
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := town.Store.SeatNumbers(ctx, b.t, []dossiers.SeatNumber{{Person: b.person.ID, Desk: b.desk}}); err != nil {
		t.Fatal(err)
	}
	return out
}

func anOrigin(c dossiers.Connector, name string) *dossiers.Origin {
	return &dossiers.Origin{Connector: c.ID, Identifier: name, Fingerprint: [32]byte{7}, Sent: []byte(`{}`), Places: []dossiers.Place{{Step: "1", Kind: dossiers.PlaceSignature, Page: 1, X: 10, Y: 20}}}
}

func connectorReads() map[string]call {
	return map[string]call{
		"Connector": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			_, _, err := s.Connector(ctx, t, b.connector.Kind, b.connector.Login)
			return err
		},
		"Origin": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			_, err := s.Origin(ctx, t, b.theirs.ID)
			return err
		},
		"Named": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			_, err := s.Named(ctx, t, b.connector.ID, "leur n° "+string(b.t))
			return err
		},
		"Places": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			x, err := s.Places(ctx, t, b.theirs.ID)
			return some(len(x), err, x)
		},
	}
}

func connectorWrites() map[string]call {
	at := time.Now().UTC().Truncate(time.Microsecond)
	return map[string]call{
		"AddConnector": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			c := b.connector
			c.ID, c.Login = uuid.NewString(), uuid.NewString()
			return s.AddConnector(ctx, t, c, by, at)
		},
		"ChangeConnector": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			_, err := s.ChangeConnector(ctx, t, b.connector.ID, by, at, func(c *dossiers.Connector) error { c.Provisions = true; return nil })
			return err
		},
		"SeatNumbers": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			_, err := s.SeatNumbers(ctx, t, []dossiers.SeatNumber{{Person: b.person.ID}})
			return err
		},
		"Release": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID, b belonging) error {
			return s.Release(ctx, t, b.theirs.ID, by, at)
		},
	}
}

func connectorsOfTown() map[string]func(ctx context.Context, s *postgres.Store, t dossiers.TenantID) (any, error) {
	return map[string]func(ctx context.Context, s *postgres.Store, t dossiers.TenantID) (any, error){
		"Connectors": func(ctx context.Context, s *postgres.Store, t dossiers.TenantID) (any, error) {
			return s.Connectors(ctx, t)
		},
	}
}

// Numbers of people are given once, whoever asks at the same time, and a
// deposit sent several times at once makes one dossier.
func TestConnectorsAtTheSameTime(t *testing.T) {
	t.Parallel()
	town := towntest.New(t)
	ctx := t.Context()
	people, err := town.Store.People(ctx, town.Tenant.ID)
	if err != nil {
		t.Fatal(err)
	}
	var seats []dossiers.SeatNumber
	for _, p := range people {
		seats = append(seats, dossiers.SeatNumber{Person: p.ID})
	}
	admin := town.Person(t, demo.Administrator).Viewer(t)
	apps, err := town.Office.Applications(ctx, admin)
	if err != nil {
		t.Fatal(err)
	}
	c, _, err := town.Office.AddConnector(ctx, admin, apps[0].ID, dossiers.ConnectorMaarch, dossiers.ConnectorRequest{Login: "m"})
	if err != nil {
		t.Fatal(err)
	}
	gec, _, err := town.Office.Authenticate(ctx, town.Tenant, town.Founded.APIKeys[demo.GEC])
	if err != nil {
		t.Fatal(err)
	}
	letter := town.Letter(t)
	const many = 8
	var wg sync.WaitGroup
	made, errs := make([]dossiers.ID, many), make([]error, many)
	for i := range many {
		wg.Go(func() {
			numbers, err := town.Store.SeatNumbers(ctx, town.Tenant.ID, seats)
			if err == nil && len(numbers) != len(seats) {
				err = errors.New("numbers given twice")
			}
			d, _, deposit := town.Office.Deposit(ctx, gec, dossiers.Draft{
				Title: "Une lettre", Recipient: "Quelqu’un", TypeCode: "courrier-simple", Main: letter, Start: true, Origin: anOrigin(c, ""),
			})
			made[i], errs[i] = d.ID, errors.Join(err, deposit)
		})
	}
	wg.Wait()
	for i := range many {
		if errs[i] != nil || made[i] != made[0] {
			t.Errorf("%d: %s, %v, want %s", i, made[i], errs[i], made[0])
		}
	}
	numbers, err := town.Store.SeatNumbers(ctx, town.Tenant.ID, nil)
	if err != nil || len(numbers) != len(people) || numbers[0].Number != 1 || numbers[len(numbers)-1].Number != int64(len(people)) {
		t.Errorf("%+v, %v", numbers, err)
	}
}

// A name that the client used before is refused, and so is one at the same
// time as itself.
func TestANameOfAClientServesOnce(t *testing.T) {
	t.Parallel()
	town := towntest.New(t)
	ctx := t.Context()
	admin := town.Person(t, demo.Administrator).Viewer(t)
	apps, err := town.Office.Applications(ctx, admin)
	if err != nil {
		t.Fatal(err)
	}
	c, _, err := town.Office.AddConnector(ctx, admin, apps[0].ID, dossiers.ConnectorIParapheur, dossiers.ConnectorRequest{Login: "i"})
	if err != nil {
		t.Fatal(err)
	}
	gec, _, err := town.Office.Authenticate(ctx, town.Tenant, town.Founded.APIKeys[demo.GEC])
	if err != nil {
		t.Fatal(err)
	}
	deposit := func() error {
		_, _, err := town.Office.Deposit(ctx, gec, dossiers.Draft{
			Title: "Une lettre", Recipient: "Quelqu’un", TypeCode: "courrier-simple", Main: town.Letter(t), Start: true, Origin: anOrigin(c, " a b "),
		})
		return err
	}
	if err := deposit(); err != nil {
		t.Fatal(err)
	}
	if err := deposit(); !errors.Is(err, dossiers.ErrReference) {
		t.Errorf("again: %v", err)
	}
	if _, err := town.Store.Named(ctx, town.Tenant.ID, c.ID, "a b"); !errors.Is(err, dossiers.ErrNotFound) {
		t.Errorf("another name: %v", err)
	}
}
