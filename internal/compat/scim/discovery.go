package scim

import (
	"net/http"

	"parapheur/internal/compat"
)

type object = map[string]any

// provider says what of the protocol is spoken (RFC 7643, 5).
func provider(c *compat.Caller) error {
	no := object{"supported": false}
	write(c.W, http.StatusOK, object{
		"schemas": []string{providerSchema}, "patch": object{"supported": true}, "bulk": object{"supported": false, "maxOperations": 0, "maxPayloadSize": 0},
		"filter": object{"supported": true, "maxResults": maxResults}, "changePassword": no, "sort": no, "etag": no,
		"authenticationSchemes": []object{
			{"type": "oauthbearertoken", "name": "Jeton", "description": "L’identifiant du connecteur, deux-points, son mot de passe", "primary": true},
			{"type": "httpbasic", "name": "HTTP Basic", "description": "L’identifiant du connecteur et son mot de passe"},
		},
		"meta": object{"resourceType": "ServiceProviderConfig", "location": c.Tenant.Origin + Base + "/ServiceProviderConfig"},
	})
	return nil
}

func kinds(c *compat.Caller) []object {
	kind := func(name, endpoint, schema string) object {
		return object{
			"schemas": []string{typeSchema}, "id": name, "name": name, "endpoint": endpoint, "schema": schema,
			"meta": object{"resourceType": "ResourceType", "location": c.Tenant.Origin + Base + "/ResourceTypes/" + name},
		}
	}
	return []object{kind("User", "/Users", userSchema), kind("Group", "/Groups", groupSchema)}
}

func resourceTypes(c *compat.Caller) error { return listAll(c, kinds(c)) }

func resourceType(c *compat.Caller) error { return named(c, kinds(c)) }

// described are the attributes that are kept (RFC 7643, 7).
func described(c *compat.Caller) []object {
	attribute := func(name, kind string, more object) object {
		out := object{"name": name, "type": kind, "multiValued": false, "required": false, "caseExact": false, "mutability": "readWrite", "returned": "default", "uniqueness": "none"}
		for k, v := range more {
			out[k] = v
		}
		return out
	}
	text := func(name string, more object) object { return attribute(name, "string", more) }
	about := func(id, name string, attributes ...object) object {
		return object{
			"schemas": []string{schemaSchema}, "id": id, "name": name, "attributes": attributes,
			"meta": object{"resourceType": "Schema", "location": c.Tenant.Origin + Base + "/Schemas/" + id},
		}
	}
	return []object{
		about(userSchema, "User",
			text("userName", object{"required": true, "uniqueness": "server"}), text("externalId", object{"caseExact": true}), text("displayName", object{"mutability": "readOnly"}),
			attribute("name", "complex", object{"subAttributes": []object{text("givenName", object{"required": true}), text("familyName", object{"required": true}), text("honorificPrefix", nil), text("formatted", object{"mutability": "readOnly"})}}),
			attribute("emails", "complex", object{"multiValued": true, "mutability": "readOnly", "subAttributes": []object{text("value", nil), text("type", nil), attribute("primary", "boolean", nil)}}),
			attribute("active", "boolean", nil)),
		about(groupSchema, "Group",
			text("displayName", object{"required": true, "uniqueness": "server"}), text("externalId", object{"caseExact": true, "mutability": "immutable"}),
			attribute("members", "complex", object{"multiValued": true, "subAttributes": []object{text("value", object{"mutability": "immutable"}), text("display", object{"mutability": "readOnly"}), attribute("$ref", "reference", object{"referenceTypes": []string{"User"}, "mutability": "immutable"})}})),
	}
}

func schemas(c *compat.Caller) error { return listAll(c, described(c)) }

func schema(c *compat.Caller) error { return named(c, described(c)) }

// listAll answers a list that is never filtered (RFC 7644, 4).
func listAll(c *compat.Caller, all []object) error {
	if c.R.URL.Query().Has("filter") {
		return &fault{http.StatusForbidden, "", "Cette liste ne se filtre pas."}
	}
	out := make([]any, len(all))
	for i, x := range all {
		out[i] = x
	}
	return list(c, out)
}

func named(c *compat.Caller, all []object) error {
	for _, x := range all {
		if x["id"] == c.R.PathValue("id") {
			write(c.W, http.StatusOK, x)
			return nil
		}
	}
	return &fault{http.StatusNotFound, "", "Cela n’existe pas ici."}
}
