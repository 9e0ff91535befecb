-- +goose Up
-- Everything belongs to a town: each table carries tenant and is held by
-- row-level security to the town named in parapheur.tenant, for the role that
-- serves requests. That role owns nothing and cannot bypass the policies.

-- Who may not create roles has them created beforehand, by somebody who may.
-- +goose StatementBegin
do $$ begin
  if not exists (select from pg_roles where rolname = 'parapheur_app') then
    create role parapheur_app nologin;
  end if;
exception
  when duplicate_object or unique_violation then null; -- another node was faster
  when insufficient_privilege then
    raise insufficient_privilege using message = format('%I may not create the role parapheur_app', current_user),
      hint = format('As a superuser: create role parapheur_app nologin; grant parapheur_app to %I;', current_user);
end $$;
-- +goose StatementEnd
-- +goose StatementBegin
do $$ begin
  -- Always tried: since PostgreSQL 16, who creates a role is a member of it
  -- without the right to take it, until granted so.
  grant parapheur_app to current_user;
exception when insufficient_privilege then
  if not pg_has_role(current_user, 'parapheur_app', 'member') then
    raise insufficient_privilege using message = format('%I is not a member of parapheur_app', current_user),
      hint = format('As a superuser: grant parapheur_app to %I;', current_user);
  end if;
end $$;
-- +goose StatementEnd

-- +goose StatementBegin
create function current_tenant() returns uuid language sql stable as
$$ select nullif(current_setting('parapheur.tenant', true), '')::uuid $$;
-- +goose StatementEnd

create table tenant (
  id uuid primary key,
  siret text not null unique check (siret ~ '^[0-9]{14}$'),
  name text not null,
  place text not null,
  rp_id text not null,
  origin text not null unique,
  demo boolean not null default false,
  next_number bigint not null default 1,
  created_at timestamptz not null default now()
);

create table person (
  tenant uuid not null references tenant,
  id uuid not null,
  civility text not null default '',
  given_name text not null,
  family_name text not null,
  email text not null,
  handle bytea not null check (length(handle) = 64),
  drafter boolean not null default false,
  admin boolean not null default false,
  active boolean not null default true,
  primary key (tenant, id),
  unique (tenant, handle)
);
create unique index person_email on person (tenant, lower(email));

create table desk (
  tenant uuid not null references tenant,
  id uuid not null,
  name text not null,
  position int not null default 0,
  primary key (tenant, id),
  unique (tenant, name)
);

create table seat (
  tenant uuid not null,
  desk uuid not null,
  person uuid not null,
  quality text not null,
  prepares boolean not null default false, -- prepares the in-tray, never decides
  primary key (tenant, desk, person),
  foreign key (tenant, desk) references desk,
  foreign key (tenant, person) references person
);
create index seat_person on seat (tenant, person);

create table circuit_version (
  tenant uuid not null references tenant,
  code text not null,
  version int not null check (version > 0),
  definition bytea not null, -- canonical bytes, hashed
  sha256 bytea not null check (length(sha256) = 32),
  published_at timestamptz not null,
  primary key (tenant, code, version)
);

create table dossier_type (
  tenant uuid not null references tenant,
  code text not null,
  name text not null,
  hint text not null default '',
  circuit_code text not null,
  circuit_version int not null,
  position int not null default 0,
  primary key (tenant, code),
  foreign key (tenant, circuit_code, circuit_version) references circuit_version
);

create table application (
  tenant uuid not null references tenant,
  id uuid not null,
  name text not null,
  default_drafter uuid not null,
  primary key (tenant, id),
  unique (tenant, name),
  foreign key (tenant, default_drafter) references person
);

create table api_key (
  tenant uuid not null,
  id text not null,
  application uuid not null,
  secret_sha256 bytea not null check (length(secret_sha256) = 32),
  scopes text[] not null,
  created_at timestamptz not null,
  expires_at timestamptz,
  last_used_at timestamptz,
  revoked_at timestamptz,
  primary key (tenant, id),
  foreign key (tenant, application) references application
);

create table dossier (
  tenant uuid not null references tenant,
  id uuid not null,
  number bigint not null,
  title text not null,
  recipient text not null,
  type_code text not null,
  type_name text not null,
  external_reference text,
  note text not null default '',
  drafter uuid not null,
  application uuid,
  phase text not null check (phase in ('draft', 'running', 'refused', 'withdrawn', 'completed')),
  -- The fold of the dossier's journal entries, which a test compares.
  state jsonb not null,
  rev int not null check (rev > 0),
  -- What in-trays read: the desk whose turn it is, since when, and the last
  -- decision that its author may still take back.
  open_desk uuid,
  open_since timestamptz,
  undoable_by uuid,
  evidence_head bytea not null check (length(evidence_head) = 32),
  search tsvector not null generated always as (
    to_tsvector('french', title || ' ' || recipient || ' ' || coalesce(external_reference, ''))) stored,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  primary key (tenant, id),
  unique (tenant, number),
  foreign key (tenant, drafter) references person,
  foreign key (tenant, application) references application,
  check ((phase = 'running') or open_desk is null)
);
create unique index dossier_reference on dossier (tenant, application, external_reference) where external_reference is not null;
create index dossier_in_tray on dossier (tenant, open_desk, open_since, id) where open_desk is not null;
create index dossier_undoable on dossier (tenant, undoable_by, updated_at desc, id) where undoable_by is not null;
create index dossier_of_drafter on dossier (tenant, drafter, phase, updated_at desc, id);
create index dossier_of_application on dossier (tenant, application, created_at desc, id);
create index dossier_search on dossier using gin (search);

create table participant ( -- who took a decision on a dossier, for "suivis"
  tenant uuid not null,
  person uuid not null,
  dossier uuid not null,
  at timestamptz not null,
  primary key (tenant, person, dossier),
  foreign key (tenant, dossier) references dossier
);
create index participant_recent on participant (tenant, person, at desc);

create table document_revision (
  tenant uuid not null,
  dossier uuid not null,
  n int not null check (n > 0),
  version int not null check (version > 0),
  revision int not null check (revision >= 0),
  name text not null,
  pages int not null,
  -- One segment a revision: the bytes of revision k are segments 0..k.
  segment_sha256 bytea not null check (length(segment_sha256) = 32),
  segment_bytes bigint not null check (segment_bytes > 0),
  bytes bigint not null,
  sha256 bytea not null check (length(sha256) = 32),
  hash_state bytea not null,
  at timestamptz not null,
  primary key (tenant, dossier, n, version, revision),
  foreign key (tenant, dossier) references dossier
);

create table evidence (
  tenant uuid not null,
  dossier uuid not null,
  seq int not null check (seq > 0),
  version int not null,
  round int not null,
  step int not null,
  person uuid not null,
  decision text not null check (decision in ('visa', 'signature', 'refus', 'remords')),
  sha256 bytea not null check (length(sha256) = 32),
  file bytea not null, -- exact bytes, never re-serialised
  at timestamptz not null,
  primary key (tenant, dossier, seq),
  -- One decision a person, a step and a round: the database's own refusal of
  -- a second one.
  constraint evidence_once unique (tenant, dossier, version, round, step, person, decision),
  foreign key (tenant, dossier) references dossier,
  foreign key (tenant, person) references person
);

create table sealing (
  tenant uuid not null,
  dossier uuid not null,
  version int not null,
  step int not null,
  prepared bytea not null,
  signature bytea,
  started_at timestamptz not null,
  primary key (tenant, dossier, version, step),
  foreign key (tenant, dossier) references dossier
);

create table opened (
  tenant uuid not null,
  dossier uuid not null,
  person uuid not null,
  sha256 bytea not null,
  at timestamptz not null,
  primary key (tenant, dossier, person, sha256),
  foreign key (tenant, dossier) references dossier
);

create table idempotency (
  tenant uuid not null,
  application uuid not null,
  key text not null,
  fingerprint bytea not null,
  dossier uuid not null,
  at timestamptz not null,
  primary key (tenant, application, key)
);

create table credential (
  tenant uuid not null,
  kid bytea not null,
  person uuid not null,
  record jsonb not null, -- attestation object, client data, flags...; never changes
  cose bytea not null,
  enrolment bytea not null, -- the canonical statement, exact bytes
  enrolment_sha256 bytea not null,
  enrolment_seq bigint not null,
  label text not null,
  sign_count bigint not null,
  backup_state boolean not null,
  clone_warning boolean not null default false,
  created_at timestamptz not null,
  last_used_at timestamptz,
  revoked_at timestamptz,
  revoked_reason text,
  primary key (tenant, kid),
  unique (tenant, enrolment_seq),
  foreign key (tenant, person) references person
);
create index credential_person on credential (tenant, person);

create table ceremony (
  tenant uuid not null references tenant,
  id bytea not null,
  purpose text not null,
  session text not null,
  challenge bytea not null,
  record bytea not null,
  note bytea,
  expires timestamptz not null,
  primary key (tenant, id),
  unique (tenant, challenge)
);
create index ceremony_expiry on ceremony (expires);

create table session (
  tenant uuid not null references tenant,
  token_sha256 bytea not null,
  id text not null,
  person uuid,
  csrf text not null,
  expires timestamptz not null,
  primary key (tenant, token_sha256)
);
create index session_expiry on session (expires);

create table invitation (
  tenant uuid not null,
  token_sha256 bytea not null,
  person uuid not null,
  invited_by text not null,
  expires timestamptz not null,
  used_at timestamptz,
  primary key (tenant, token_sha256),
  foreign key (tenant, person) references person
);

create table signing_key (
  tenant uuid not null,
  id uuid not null,
  person uuid, -- null: the seal of the town
  label text not null,
  sealed bytea not null, -- PKCS#12, encrypted by the vault
  certificate bytea not null,
  not_after timestamptz not null,
  created_at timestamptz not null,
  retired_at timestamptz,
  primary key (tenant, id),
  foreign key (tenant, person) references person
);
create unique index signing_key_of on signing_key (tenant, coalesce(person, '00000000-0000-0000-0000-000000000000')) where retired_at is null;

create table journal_head (
  tenant uuid primary key references tenant,
  seq bigint not null default 0,
  hash bytea not null check (length(hash) = 32),
  -- The chain of enrolments: who may approve is proved by it, not by a table.
  enrolments bigint not null default 0,
  enrolment bytea not null default decode(repeat('00', 32), 'hex') check (length(enrolment) = 32)
);

create table journal (
  tenant uuid not null,
  seq bigint not null,
  at timestamptz not null,
  subject text not null, -- a dossier, a person, or the town
  application uuid,      -- whose feed shows the entry
  kind text not null,
  body bytea not null,
  prev bytea not null,
  hash bytea not null,
  primary key (tenant, seq)
);
create index journal_subject on journal (tenant, subject, seq);
create index journal_feed on journal (tenant, application, seq) where application is not null;

-- +goose StatementBegin
create function refuse_change() returns trigger language plpgsql as
$$ begin raise exception '% is append-only', tg_table_name using errcode = 'restrict_violation'; end $$;
-- +goose StatementEnd
create trigger journal_append_only before update or delete on journal for each row execute function refuse_change();
create trigger evidence_append_only before update or delete on evidence for each row execute function refuse_change();
create trigger revision_append_only before update or delete on document_revision for each row execute function refuse_change();
create trigger circuit_append_only before update or delete on circuit_version for each row execute function refuse_change();
create trigger credential_kept before delete on credential for each row execute function refuse_change();
create trigger credential_key_fixed before update of tenant, kid, person, cose, record, enrolment, enrolment_sha256, enrolment_seq on credential
  for each row execute function refuse_change();

-- +goose StatementBegin
do $$ declare t text; begin
  for t in select c.relname from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant' and not a.attisdropped
           where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' loop
    execute format('alter table %I enable row level security', t);
    execute format('alter table %I force row level security', t);
    execute format('create policy town on %I using (tenant = current_tenant()) with check (tenant = current_tenant())', t);
    execute format('grant select, insert on %I to parapheur_app', t);
  end loop;
end $$;
-- +goose StatementEnd
-- The list of towns holds names and addresses only, and is what a request's
-- host is looked up in before any town is known.
grant select on tenant to parapheur_app;
grant update (next_number) on tenant to parapheur_app;
grant update on person, seat, dossier_type, application, dossier, sealing, session, journal_head, desk to parapheur_app;
grant update (last_used_at, revoked_at) on api_key to parapheur_app;
grant update (label, sign_count, backup_state, clone_warning, last_used_at, revoked_at, revoked_reason) on credential to parapheur_app;
grant update (used_at) on invitation to parapheur_app;
grant update (retired_at) on signing_key to parapheur_app;
grant delete on seat, ceremony, session, sealing to parapheur_app;
grant update (at) on participant to parapheur_app;
