package main

import (
	"errors"
	"fmt"
	"io"
)

// fail says what happened and, where the operator can do something about it,
// what. The error itself follows, for whoever must know more.
func fail(errOut io.Writer, err error) int {
	if say := sentence(err); say != "" {
		fmt.Fprintf(errOut, "parapheur : %s\n  (%v)\n", say, err)
		return exitError
	}
	fmt.Fprintf(errOut, "parapheur : %v\n", err)
	return exitError
}

// sentence explains the refusals of PostgreSQL that an installation meets, by
// their SQLSTATE.
func sentence(err error) string {
	var pg interface{ SQLState() string }
	if !errors.As(err, &pg) {
		return ""
	}
	switch pg.SQLState() {
	case "42501": // insufficient_privilege
		return "le rôle de connexion n’a pas les droits nécessaires. Un administrateur de PostgreSQL doit lancer, une fois : " +
			"CREATE ROLE parapheur_app NOLOGIN; GRANT parapheur_app TO <ce rôle>; pour « migrate », ce rôle doit aussi être propriétaire de la base."
	case "22023", "42704", "42P01", "42703": // no such role, object, table or column
		return "la base n’est pas au schéma de cette version : lancez « parapheur migrate », ou « serve --migrate »."
	case "23505": // unique_violation
		return "cela existe déjà : rien n’a été changé."
	case "28P01", "28000": // invalid_password, invalid_authorization
		return "PostgreSQL refuse ce rôle ou son mot de passe : vérifiez --database-url."
	case "3D000": // invalid_catalog_name
		return "cette base de données n’existe pas : créez-la, ou vérifiez --database-url."
	}
	return ""
}
