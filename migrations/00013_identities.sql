-- +goose Up
-- Sign-in through the identity provider of a town (ProConnect, Keycloak...). It
-- opens sessions: decisions stay gestures of passkeys.
create table sign_on (
  tenant uuid primary key references tenant,
  name text not null,           -- what people call it: ProConnect
  issuer text not null,
  client_id text not null,
  secret bytea not null,        -- sealed by the vault
  scopes text[] not null,
  acr text[] not null check (cardinality(acr) > 0), -- levels that are enough
  whole_siren boolean not null, -- any establishment of the town's SIREN, not its SIRET alone
  at timestamptz not null
);

-- Who an account at a provider is here. A subject is one per identity provider
-- behind the issuer; an e-mail address identifies nobody.
create table identity (
  tenant uuid not null,
  id uuid not null,
  issuer text not null,
  idp text not null,            -- empty: the issuer has no others behind it
  subject text not null,
  person uuid not null,
  email text not null,          -- as the provider says, for people to read
  how text not null check (how in ('invitation', 'approval')),
  linked_by text not null,
  linked_at timestamptz not null,
  primary key (tenant, id),
  constraint identity_account unique (tenant, issuer, idp, subject),
  foreign key (tenant, person) references person
);
create index identity_person on identity (tenant, person);

-- An account of the town's establishment which nobody linked yet.
create table identity_request (
  tenant uuid not null references tenant,
  id uuid not null,
  issuer text not null,
  idp text not null,
  subject text not null,
  given_name text not null,
  family_name text not null,
  email text not null,
  acr text not null,
  at timestamptz not null,
  primary key (tenant, id),
  unique (tenant, issuer, idp, subject)
);
create index identity_request_age on identity_request (tenant, at);

-- What the provider wants back when the person leaves, sealed by the vault.
alter table session add column logout_hint bytea;

-- +goose StatementBegin
do $$ declare t text; begin
  foreach t in array array['sign_on', 'identity', 'identity_request'] loop
    execute format('alter table %I enable row level security', t);
    execute format('alter table %I force row level security', t);
    execute format('create policy town on %I using (tenant = current_tenant()) with check (tenant = current_tenant())', t);
    execute format('grant select, insert, delete on %I to parapheur_app', t);
  end loop;
end $$;
-- +goose StatementEnd
grant update on sign_on, identity_request to parapheur_app;
