-- +goose Up
-- A sandbox (bac à sable) is a town whose SIRET begins with a SIREN that INSEE
-- gives to nobody. Every statement, enrolment and entry of the journal holds or
-- hashes the SIRET, so the mark is for good: nothing sets this column.
alter table tenant add column sandbox boolean not null generated always as (siret like '000000000%') stored;
alter table tenant add constraint tenant_sandbox_key unique (id, sandbox);
alter table tenant add constraint tenant_one_fake check (not (demo and siret like '000000000%'));

-- +goose StatementBegin
create function keep_siret() returns trigger language plpgsql as $$ begin
  if new.siret <> old.siret then
    raise exception 'the SIRET of a town is for good';
  end if;
  return new;
end $$;
-- +goose StatementEnd
create trigger tenant_siret before update on tenant for each row execute function keep_siret();

-- The clock of a sandbox runs ahead of the real one, and never back. Its fake
-- PKI is sealed by the master key. A real town has no row: the key says so.
create table sandbox (
  tenant uuid primary key,
  sandbox boolean not null default true check (sandbox),
  ahead bigint not null default 0 check (ahead >= 0), -- microseconds
  pki bytea not null,
  foreign key (tenant, sandbox) references tenant (id, sandbox)
);

-- +goose StatementBegin
create function keep_clock() returns trigger language plpgsql as $$ begin
  if new.ahead < old.ahead then
    raise exception 'the clock of a sandbox does not run back';
  end if;
  return new;
end $$;
-- +goose StatementEnd
create trigger sandbox_clock before update on sandbox for each row execute function keep_clock();

-- People whose decisions the API may play, each with a passkey in software,
-- sealed by the master key.
create table test_person (
  tenant uuid not null references sandbox,
  person uuid not null,
  role text not null check (role <> ''),
  kid bytea not null,     -- of the credential
  passkey bytea not null, -- sealed
  primary key (tenant, person),
  unique (tenant, role),
  foreign key (tenant, person) references person
);
create trigger test_person_append_only before update or delete on test_person for each row execute function refuse_change();

-- +goose StatementBegin
do $$ declare t text; begin
  foreach t in array array['sandbox', 'test_person'] loop
    execute format('alter table %I enable row level security', t);
    execute format('alter table %I force row level security', t);
    execute format('create policy town on %I using (tenant = current_tenant()) with check (tenant = current_tenant())', t);
    execute format('grant select, insert on %I to parapheur_app', t);
  end loop;
end $$;
-- +goose StatementEnd
grant update (ahead) on sandbox to parapheur_app;
