-- +goose Up
-- A passkey that was registered and for which nobody vouched yet: it is no
-- credential, and opens nothing. What makes it one is an enrolment statement
-- that bears the gesture of its witness, at the end of the chain of the town.
create table pending_passkey (
  tenant uuid not null,
  kid bytea not null,
  person uuid not null,
  record jsonb not null, -- attestation object, client data, nonce...; never changes
  label text not null,
  invited_by text not null,
  created_at timestamptz not null,
  primary key (tenant, kid),
  foreign key (tenant, person) references person
);
create index pending_passkey_age on pending_passkey (tenant, created_at);

alter table pending_passkey enable row level security;
alter table pending_passkey force row level security;
create policy town on pending_passkey using (tenant = current_tenant()) with check (tenant = current_tenant());
grant select, insert, delete on pending_passkey to parapheur_app;
