-- +goose Up
-- A key is at rest here, in a token (PKCS#11) or at a remote service (CSC):
-- settings say where, sealed holds the secrets that go with them.
alter table signing_key
  add column kind text not null default 'pkcs12' check (kind in ('pkcs12', 'pkcs11', 'csc')),
  add column settings jsonb not null default '{}',
  -- DER, issuers of the certificate from its own up; empty: within the PKCS#12.
  add column chain bytea[] not null default '{}',
  -- Why it was retired, when it was not another key that took its place.
  add column retired_for text,
  -- Set when the token refused the PIN: it would lock if it were shown again.
  add column suspended_at timestamptz,
  add column suspended_for text;

grant update (retired_at, retired_for, sealed, suspended_at, suspended_for) on signing_key to parapheur_app;

-- What a holder authorises, or has authorised, at a remote service, between
-- the request and the callback of the browser, and until the signature.
create table key_activation (
  tenant uuid not null,
  id text not null, -- the OAuth state, unguessable
  person uuid not null,
  key uuid not null,
  tbs_sha256 bytea[] not null, -- of what is to be signed
  activation bytea not null, -- certs.Activation in JSON; its secret is sealed
  finished_at timestamptz,
  expires timestamptz not null,
  primary key (tenant, id),
  foreign key (tenant, person) references person,
  foreign key (tenant, key) references signing_key
);
create index key_activation_expiry on key_activation (expires);
create index key_activation_key on key_activation (tenant, key);
alter table key_activation enable row level security;
alter table key_activation force row level security;
create policy town on key_activation using (tenant = current_tenant()) with check (tenant = current_tenant());
grant select, insert, delete, update (activation, finished_at, expires) on key_activation to parapheur_app;
