-- +goose Up
-- A hosting centre, and people who serve two towns.

-- A suspended town answers nobody; nothing of it is lost.
alter table tenant add column suspended_at timestamptz, add column suspended_for text,
  add check ((suspended_at is null) = (suspended_for is null));

-- Who is also somebody in another town of the service. Each town keeps its own
-- side: the address of the other, an identifier that says nothing, and the
-- gesture made here. What the other town knows is not here.
create table counterpart (
  tenant uuid not null,
  id uuid not null,          -- by which the other town names this side
  person uuid not null,
  origin text not null,      -- of the other town
  other uuid,                -- by which it names its side; null until both gestures were made
  kid bytea not null,        -- of the passkey that made the gesture
  evidence bytea not null,   -- proof.ActEvidence, exact bytes
  began_at timestamptz not null,
  linked_at timestamptz,
  primary key (tenant, id),
  foreign key (tenant, person) references person,
  foreign key (tenant, kid) references credential,
  check ((other is null) = (linked_at is null))
);
create unique index counterpart_once on counterpart (tenant, person, origin) where other is not null;
create index counterpart_person on counterpart (tenant, person);
alter table counterpart enable row level security;
alter table counterpart force row level security;
create policy town on counterpart using (tenant = current_tenant()) with check (tenant = current_tenant());
grant select, insert, delete, update (other, linked_at) on counterpart to parapheur_app;

-- The people and programs of the hosting centre are of no town: these tables
-- carry none, and the role that serves towns has no right on them.
create table host_person (
  id uuid primary key,
  name text not null,
  email text not null,
  handle bytea not null unique check (length(handle) = 64),
  active boolean not null default true,
  created_at timestamptz not null
);
create unique index host_person_email on host_person (lower(email));

create table host_invitation (
  token_sha256 bytea primary key,
  person uuid not null references host_person,
  expires timestamptz not null,
  used_at timestamptz
);

create table host_passkey (
  kid bytea primary key,
  person uuid not null references host_person,
  record jsonb not null, -- attestation object, client data, flags...; never changes
  label text not null,
  sign_count bigint not null,
  backup_state boolean not null,
  clone_warning boolean not null default false,
  created_at timestamptz not null,
  last_used_at timestamptz,
  revoked_at timestamptz
);
create index host_passkey_person on host_passkey (person);

create table host_session (
  token_sha256 bytea primary key,
  id text not null,
  person uuid references host_person,
  csrf text not null,
  expires timestamptz not null
);

create table host_ceremony (
  id bytea primary key,
  purpose text not null,
  session text not null,
  challenge bytea not null unique,
  record bytea not null,
  expires timestamptz not null
);

create table host_key (
  id text primary key,
  name text not null,
  secret_sha256 bytea not null check (length(secret_sha256) = 32),
  created_at timestamptz not null,
  expires_at timestamptz not null,
  last_used_at timestamptz,
  revoked_at timestamptz
);

create table host_request ( -- what a program asked once, and asks again
  key text not null references host_key,
  name text not null,
  fingerprint bytea not null,
  tenant_id uuid not null references tenant (id),
  at timestamptz not null,
  primary key (key, name)
);

create table host_journal_head (
  one boolean primary key default true check (one),
  seq bigint not null,
  hash bytea not null check (length(hash) = 32)
);

create table host_journal (
  seq bigint primary key,
  at timestamptz not null,
  subject text not null, -- a town by its SIRET, a person, a key
  kind text not null,
  body bytea not null,
  prev bytea not null,
  hash bytea not null
);
create trigger host_journal_append_only before update or delete on host_journal for each row execute function refuse_change();
create trigger host_passkey_fixed before update of kid, person, record or delete on host_passkey for each row execute function refuse_change();

-- A town is being founded until its first passkey is enrolled.
-- +goose StatementBegin
create function being_founded(town uuid) returns boolean language sql stable as
$$ select exists (select from journal_head where tenant = town and enrolments = 0) $$;
-- +goose StatementEnd

-- What the role of a hosting centre may do, whole: may be run again once
-- somebody else made the role. Until its first passkey, a town's first day is
-- the centre's to set up; from then on none of its rows is visible to it, nor
-- can it write one: it has the list of towns and its own tables.
-- +goose StatementBegin
create function give_host_rights() returns void language plpgsql as $$
declare t text; begin
  drop policy if exists founded on tenant;
  create policy founded on tenant for insert to parapheur_host with check (id = current_tenant());
  grant select, insert, update (suspended_at, suspended_for) on tenant to parapheur_host;
  grant select, insert, update on journal_head to parapheur_host;
  grant insert on journal to parapheur_host;
  grant select, insert on person, desk, seat, dossier_type, circuit_version, invitation to parapheur_host;
  grant update (used_at) on invitation to parapheur_host;
  grant update (civility) on person to parapheur_host; -- to lock the row; see Invite
  grant update on dossier_type to parapheur_host;
  grant select on credential to parapheur_host;
  grant select, insert, update on organisation to parapheur_host;
  foreach t in array array['journal', 'person', 'desk', 'seat', 'dossier_type', 'circuit_version', 'invitation', 'credential', 'organisation'] loop
    execute format('drop policy if exists being_founded on %I', t);
    execute format('create policy being_founded on %I as restrictive to parapheur_host using (being_founded(tenant)) with check (being_founded(tenant))', t);
  end loop;
  drop policy if exists being_founded on journal_head;
  create policy being_founded on journal_head as restrictive to parapheur_host using (enrolments = 0) with check (enrolments = 0);
  drop policy if exists founding on journal_head; -- the list says which towns wait for their first passkey
  create policy founding on journal_head for select to parapheur_host using (enrolments = 0);

  grant select, insert on host_person, host_invitation, host_passkey, host_session, host_ceremony, host_key, host_request, host_journal, host_journal_head to parapheur_host;
  grant update (active, name) on host_person to parapheur_host;
  grant update (used_at) on host_invitation to parapheur_host;
  grant update (label, sign_count, backup_state, clone_warning, last_used_at, revoked_at) on host_passkey to parapheur_host;
  grant update (last_used_at, revoked_at) on host_key to parapheur_host;
  grant update on host_journal_head to parapheur_host;
  grant delete on host_session, host_ceremony to parapheur_host;
end $$;
-- +goose StatementEnd

-- Where roles are made by somebody else there may be none; see 00011.
-- +goose StatementBegin
do $$ begin
  if exists (select from pg_roles where rolname = 'parapheur_host') then
    perform give_host_rights();
    begin
      grant parapheur_host to current_user; -- the owner runs « parapheur host »
    exception when insufficient_privilege then null;
    end;
  end if;
end $$;
-- +goose StatementEnd
