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

-- The role of a hosting centre: it creates towns, up to the link of their first
-- administrator, and can read or write nothing of their letters. Where roles
-- are made by somebody else, there is none until they make it and the grants
-- below: create towns as the owner meanwhile.
-- +goose StatementBegin
do $$ begin
  if not exists (select from pg_roles where rolname = 'parapheur_host') then
    create role parapheur_host nologin;
  end if;
exception when duplicate_object or unique_violation or insufficient_privilege then null;
end $$;
-- +goose StatementEnd
-- +goose StatementBegin
do $$ begin
  if exists (select from pg_roles where rolname = 'parapheur_host') then
    create policy founded on tenant for insert to parapheur_host with check (id = current_tenant());
    grant select, insert on tenant to parapheur_host;
    grant select, insert, update on journal_head to parapheur_host;
    grant insert on journal to parapheur_host;
    grant select, insert on person, desk, seat, dossier_type, circuit_version, invitation to parapheur_host;
    grant update (used_at) on invitation to parapheur_host;
    grant update (civility) on person to parapheur_host; -- to lock the row; see Invite
    grant update on dossier_type to parapheur_host;
    grant select on credential to parapheur_host;
    grant select, insert, update on organisation to parapheur_host;
  end if;
end $$;
-- +goose StatementEnd
