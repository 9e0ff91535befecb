package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"parapheur/api"
	"parapheur/dossiers"
	"parapheur/internal/hosting"
	"parapheur/internal/wiring"
	"parapheur/web"
)

// hostCommand is "parapheur host": who may create towns from the page of a
// hosting centre, and which programs may by its API.
func hostCommand(ctx context.Context, args []string, out, errOut io.Writer) int {
	return sub(ctx, "host", []command{
		{"invite", "fait un lien par lequel une personne du centre enregistre une clé d’accès", inviteToHost},
		{"list", "liste les personnes du centre", listHost},
		{"dismiss", "retire à une personne du centre tout ce qu’elle pouvait y faire", dismissFromHost},
		{"key", "fait, liste et révoque les clés des logiciels du centre", hostKeyCommand},
	}, args, out, errOut)
}

func hostKeyCommand(ctx context.Context, args []string, out, errOut io.Writer) int {
	return sub(ctx, "host key", []command{
		{"add", "fait une clé d’API du centre et la montre, une fois", addHostKey},
		{"list", "liste les clés d’API du centre", listHostKeys},
		{"revoke", "révoque une clé d’API du centre", revokeHostKey},
	}, args, out, errOut)
}

// hostFlags are those of every command of the family.
type hostFlags struct {
	*flag.FlagSet
	database, hostDatabase, origin string
}

func newHostFlags(name string) *hostFlags {
	f := &hostFlags{FlagSet: flag.NewFlagSet("parapheur host "+name, flag.ContinueOnError)}
	f.StringVar(&f.database, "database-url", "", "adresse de PostgreSQL")
	f.StringVar(&f.hostDatabase, "host-database-url", "", "la même, pour un compte membre de parapheur_host (défaut : --database-url)")
	f.StringVar(&f.origin, "host-origin", "", "adresse des pages du centre : « https://centre.exemple.fr »")
	return f
}

// at runs what the operator asked of the centre.
func (f *hostFlags) at(ctx context.Context, args []string, errOut io.Writer, do func(*hosting.Centre) error) int {
	if err := parse(f.FlagSet, args, os.Getenv, errOut); err != nil {
		return usage(errOut, err)
	}
	dsn := cmp.Or(f.hostDatabase, f.database)
	switch {
	case dsn == "":
		return usage(errOut, errNoDatabase)
	case f.origin == "":
		return usage(errOut, errors.New("indiquez l’adresse du centre : --host-origin ou PARAPHEUR_HOST_ORIGIN"))
	}
	if _, err := hosting.OriginHost(f.origin); err != nil {
		return usage(errOut, inFrench("--host-", err))
	}
	h, err := wiring.OpenHost(ctx, wiring.HostConfig{DatabaseURL: dsn, Origin: f.origin, Now: time.Now})
	if err != nil {
		return fail(errOut, err)
	}
	defer h.Close()
	if err := do(h.Centre); err != nil {
		return fail(errOut, inFrench("--", err))
	}
	return exitOK
}

// inFrench names the flag in what was typed wrong.
func inFrench(prefix string, err error) error {
	if why := (*dossiers.InvalidError)(nil); errors.As(err, &why) {
		return fmt.Errorf("%s%s : %s", prefix, why.Field, why.Reason)
	}
	return err
}

func inviteToHost(ctx context.Context, args []string, out, errOut io.Writer) int {
	f := newHostFlags("invite")
	name := f.String("name", "", "prénom et nom, pour une personne nouvelle")
	email := f.String("email", "", "adresse électronique, qui la désigne")
	return f.at(ctx, args, errOut, func(c *hosting.Centre) error {
		link, expires, err := c.Invite(ctx, *name, *email)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "Lien de %s, valable jusqu’au %s et montré cette seule fois :\n\n  %s\n\n", *email, expires.Local().Format("02/01/2006 15:04 MST"), link)
		return nil
	})
}

func listHost(ctx context.Context, args []string, out, errOut io.Writer) int {
	f := newHostFlags("list")
	return f.at(ctx, args, errOut, func(c *hosting.Centre) error {
		people, err := c.Store.People(ctx)
		for _, p := range people {
			state := fmt.Sprintf("%d clé(s) d’accès", p.Passkeys)
			if !p.Active {
				state = "révoquée"
			}
			fmt.Fprintf(out, "%s  %s  %s\n", p.Email, p.Name, state)
		}
		return err
	})
}

func dismissFromHost(ctx context.Context, args []string, out, errOut io.Writer) int {
	f := newHostFlags("dismiss")
	email := f.String("email", "", "adresse électronique de la personne")
	return f.at(ctx, args, errOut, func(c *hosting.Centre) error {
		p, err := c.Dismiss(ctx, *email)
		if errors.Is(err, dossiers.ErrNotFound) {
			return fmt.Errorf("personne du centre n’a l’adresse %q : voyez « parapheur host list »", *email)
		}
		if err == nil {
			fmt.Fprintf(out, "%s ne peut plus rien au centre. C’est inscrit à son journal.\n", p.Name)
		}
		return err
	})
}

func addHostKey(ctx context.Context, args []string, out, errOut io.Writer) int {
	f := newHostFlags("key add")
	name := f.String("name", "", "nom du logiciel")
	days := f.Int("days", 365, "jours pendant lesquels elle vaut")
	return f.at(ctx, args, errOut, func(c *hosting.Centre) error {
		secret, k, err := c.AddKey(ctx, *name, *days)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "Clé %s de « %s », valable jusqu’au %s et montrée cette seule fois :\n\n  %s\n\n", k.ID, k.Name, k.Expires.Local().Format("02/01/2006"), secret)
		return nil
	})
}

func listHostKeys(ctx context.Context, args []string, out, errOut io.Writer) int {
	f := newHostFlags("key list")
	return f.at(ctx, args, errOut, func(c *hosting.Centre) error {
		keys, err := c.Store.Keys(ctx)
		for _, k := range keys {
			state := "jusqu’au " + k.Expires.Local().Format("02/01/2006")
			if !k.RevokedAt.IsZero() {
				state = "révoquée le " + k.RevokedAt.Local().Format("02/01/2006")
			}
			fmt.Fprintf(out, "%s  %s  %s\n", k.ID, k.Name, state)
		}
		return err
	})
}

func revokeHostKey(ctx context.Context, args []string, out, errOut io.Writer) int {
	f := newHostFlags("key revoke")
	id := f.String("id", "", "identifiant de la clé : voyez « parapheur host key list »")
	return f.at(ctx, args, errOut, func(c *hosting.Centre) error {
		err := c.RevokeKey(ctx, *id)
		switch {
		case errors.Is(err, dossiers.ErrNotFound):
			return fmt.Errorf("aucune clé du centre n’a l’identifiant %q", *id)
		case errors.Is(err, dossiers.ErrConflict):
			return fmt.Errorf("la clé %s est déjà révoquée", *id)
		case err == nil:
			fmt.Fprintf(out, "La clé %s n’ouvre plus rien.\n", *id)
		}
		return err
	})
}

// centre opens the surface of the hosting centre, if there is one.
func (c *config) centre(ctx context.Context) (*wiring.Host, error) {
	if c.hostOrigin == "" {
		return nil, nil //nolint:nilnil // off by default
	}
	return wiring.OpenHost(ctx, wiring.HostConfig{
		DatabaseURL: cmp.Or(c.hostDatabaseURL, c.databaseURL), Origin: c.hostOrigin, Domain: c.hostDomain, Now: time.Now,
	})
}

// toCentre answers at the origin of the hosting centre, where no town is.
func (s *server) toCentre(secure bool) func(http.Handler) http.Handler {
	if s.centre == nil {
		return func(towns http.Handler) http.Handler { return towns }
	}
	paris, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		paris = time.UTC
	}
	pages := web.NewHost(web.HostOptions{
		Centre: s.centre.Centre, Log: s.log, Secure: secure, Version: fullVersion(), ClientAddress: s.proxies.Address, Location: paris,
	})
	programs := api.NewHost(api.HostOptions{Centre: s.centre.Centre, Log: s.log, ClientAddress: s.proxies.Address})
	return func(towns http.Handler) http.Handler {
		mux := http.NewServeMux()
		mux.Handle("/api/", programs)
		mux.Handle("/healthz", towns)
		mux.Handle("/readyz", towns)
		mux.Handle("/", pages)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if s.centre.Centre.Serves(r.Host) {
				mux.ServeHTTP(w, r)
				return
			}
			towns.ServeHTTP(w, r)
		})
	}
}
