package migrations_test

import (
	"fmt"
	"testing"

	"parapheur/migrations"
)

// The letters that a town had before accents stopped counting are found
// without them afterwards, each once and by nobody else, though the owner of
// the tables is held to one town like everybody.
func TestWordsOfOldLetters(t *testing.T) {
	t.Parallel()
	conn, hosted := ofOwner(t)
	exec := executor(t, conn)
	exec(`grant parapheur_app to ` + ownerOf(conn))
	if err := migrations.UpTo(t.Context(), hosted, 23); err != nil {
		t.Fatal(err)
	}
	for town := range 2 {
		// Without the rest of the town, which foreign keys ask for; with the trigger.
		exec(fmt.Sprintf(`begin;
			alter table dossier disable trigger all;
			alter table dossier enable trigger words_kept;
			insert into dossier (tenant, id, number, title, recipient, type_code, type_name, external_reference, drafter, phase, state, rev, evidence_head, created_at, updated_at)
			select ('00000000-0000-0000-0000-00000000000' || %d)::uuid, gen_random_uuid(), n, 'Réfection n° ' || n, 'Mme Œillet', 'x', 'x', nullif('GEC-' || n %% 3, 'GEC-0'), gen_random_uuid(), 'completed', '{}', 1, sha256(''), now() - n * interval '1 minute', now()
			from generate_series(1, 300) n;
			alter table dossier enable trigger all;
			commit`, town))
	}
	count := func(sql string) (n int) {
		t.Helper()
		if err := conn.QueryRow(t.Context(), sql).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := count(`select count(*) from dossier_word where word = 'réfect'`); n != 600 {
		t.Fatalf("%d letters have the word before", n)
	}
	if err := migrations.Apply(t.Context(), hosted); err != nil {
		t.Fatal(err)
	}
	for sql, want := range map[string]int{
		`select count(*) from dossier_word where word = 'réfect'`:                                   0,
		`select count(*) from dossier_word where word = 'refect'`:                                   600,
		`select count(*) from dossier where search @@ phraseto_tsquery('french', plain('OEILLET'))`: 600,
		`select count(*) from (select k.tenant, k.created_at, k.dossier, k.word from dossier_word k except select d.tenant, d.created_at, d.id, w from dossier d, unnest(tsvector_to_array(d.search)) w) x`: 0,
		`select count(*) from (select d.tenant, d.created_at, d.id, w from dossier d, unnest(tsvector_to_array(d.search)) w except select k.tenant, k.created_at, k.dossier, k.word from dossier_word k) x`: 0,
		`select count(*) from pg_class where relname in ('dossier', 'dossier_word') and relrowsecurity and relforcerowsecurity`:                                                                             2,
		`select count(*) from pg_policy p join pg_class c on c.oid = p.polrelid where c.relname in ('dossier', 'dossier_word') and pg_get_expr(polqual, polrelid) = '(tenant = current_tenant())'`:          2,
		`select count(*) from information_schema.role_table_grants where table_name = 'dossier_word' and grantee = 'parapheur_app'`:                                                                         3,
	} {
		if n := count(sql); n != want {
			t.Errorf("%s: %d, want %d", sql, n, want)
		}
	}
	// The owner sees no town but the one it enters.
	exec(`set role ` + ownerOf(conn))
	if n := count(`select count(*) from dossier_word`); n != 0 {
		t.Errorf("the owner sees %d words of no town", n)
	}
	exec(`set parapheur.tenant = '00000000-0000-0000-0000-000000000001'`)
	exec(`update dossier set title = 'Médaille' where number = 1`)
	if n := count(`select count(*) from dossier_word k join dossier d on d.id = k.dossier where d.number = 1 and k.word in ('refect', 'medaill')`); n != 1 {
		t.Errorf("a letter with another title has %d of the two words", n)
	}
	if n := count(`select count(*) from dossier`); n != 300 {
		t.Errorf("the owner sees %d letters in one town", n)
	}
}
