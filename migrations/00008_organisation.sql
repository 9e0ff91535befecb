-- +goose Up
-- What administrators set up: the place of desks and people, types with their
-- rules and metadata, drafts and retirement of circuits, numbers, delegations,
-- absences, impediments, recusals, closures. Rich values are kept as the
-- journal has them, in JSON, beside the columns that the database must check.

-- The owner fills new columns: for that moment the policies that hold every
-- role to one town must let the owner through.
alter table desk no force row level security;

alter table person
  add column external_id text,
  add column rank int not null default 0 check (rank >= 0),
  add column adjoint boolean not null default false,
  add column mandate_end date;
create unique index person_external on person (tenant, external_id) where external_id is not null;

-- A desk made by its name alone gets a code of that name.
-- +goose StatementBegin
create function desk_code(name text) returns text language sql immutable as $$
  select coalesce(nullif(left(trim(both '-' from regexp_replace(translate(lower(name),
    'ÀÂÄÉÈÊËÎÏÔÖÙÛÜÇàâäéèêëîïôöùûüç', 'aaaeeeeiioouuucaaaeeeeiioouuuc'), '[^a-z0-9]+', '-', 'g')), 60), ''), 'bureau')
$$;
-- +goose StatementEnd
alter table desk
  add column code text,
  add column parent uuid,
  add column active boolean not null default true,
  add foreign key (tenant, parent) references desk deferrable initially deferred,
  add check (parent <> id);
update desk d set code = desk_code(name) || case when exists (
  select from desk o where o.tenant = d.tenant and o.id < d.id and desk_code(o.name) = desk_code(d.name)) then '-' || position else '' end;
alter table desk alter column code set not null;
create unique index desk_by_code on desk (tenant, code);
-- +goose StatementBegin
create function give_desk_code() returns trigger language plpgsql as $$ begin
  if new.code is null then
    new.code := desk_code(new.name);
    if exists (select from desk where tenant = new.tenant and code = new.code) then
      new.code := left(new.code, 50) || '-' || new.position;
    end if;
  end if;
  return new;
end $$;
-- +goose StatementEnd
create trigger desk_code_given before insert on desk for each row execute function give_desk_code();
alter table desk force row level security;

create table desk_supervisor ( -- sees what passes at a desk, never acts there
  tenant uuid not null,
  desk uuid not null,
  person uuid not null,
  primary key (tenant, desk, person),
  foreign key (tenant, desk) references desk,
  foreign key (tenant, person) references person
);
create index desk_supervisor_person on desk_supervisor (tenant, person);

create table organisation ( -- one row a town: what orders its amendments
  tenant uuid primary key references tenant,
  revision bigint not null check (revision > 0)
);

-- A type without circuit is a heading of its sub-types.
alter table dossier_type
  alter column circuit_code drop not null,
  alter column circuit_version drop not null,
  add column parent text,
  add column active boolean not null default true,
  add column setup jsonb not null default '{}',
  add foreign key (tenant, parent) references dossier_type deferrable initially deferred,
  add check ((circuit_code is null) = (circuit_version is null));

create table circuit_draft (
  tenant uuid not null references tenant,
  code text not null,
  definition jsonb not null,
  at timestamptz not null,
  primary key (tenant, code)
);

create table circuit_retired ( -- beside circuit_version, which never changes
  tenant uuid not null,
  code text not null,
  version int not null,
  at timestamptz not null,
  primary key (tenant, code, version),
  foreign key (tenant, code, version) references circuit_version
);

create table sequence (
  tenant uuid not null references tenant,
  code text not null,
  name text not null,
  pattern text not null,
  continuous boolean not null default false,
  primary key (tenant, code)
);

create table sequence_drawn ( -- the last number of each year; year 0 when continuous
  tenant uuid not null,
  code text not null,
  year int not null,
  last bigint not null check (last > 0),
  primary key (tenant, code, year),
  foreign key (tenant, code) references sequence
);

create table filing ( -- what the register knows of a dossier
  tenant uuid not null,
  dossier uuid not null,
  metadata jsonb not null default '{}',
  sequence text,
  year int,
  n bigint,
  number text,
  primary key (tenant, dossier),
  unique (tenant, sequence, year, n),
  foreign key (tenant, dossier) references dossier,
  foreign key (tenant, sequence) references sequence,
  check ((sequence is null) = (n is null) and (n is null) = (number is null))
);
create index filing_metadata on filing using gin (metadata jsonb_path_ops);
create index filing_number on filing (tenant, number) where number is not null;

create table delegation (
  tenant uuid not null references tenant,
  id uuid not null,
  number text not null,
  delegator uuid not null,
  delegate uuid not null,
  from_on date not null,
  to_on date,
  record jsonb not null,
  primary key (tenant, id),
  unique (tenant, number, delegate),
  foreign key (tenant, delegator) references person,
  foreign key (tenant, delegate) references person,
  check (delegator <> delegate and to_on >= from_on)
);

create table absence (
  tenant uuid not null references tenant,
  id uuid not null,
  person uuid not null,
  replacement uuid,
  from_on date not null,
  to_on date not null,
  record jsonb not null,
  primary key (tenant, id),
  foreign key (tenant, person) references person,
  foreign key (tenant, replacement) references person,
  check (to_on >= from_on and replacement <> person)
);

create table impediment (
  tenant uuid not null references tenant,
  id uuid not null,
  person uuid not null,
  declared_by uuid,
  from_on date not null,
  to_on date,
  record jsonb not null,
  primary key (tenant, id),
  foreign key (tenant, person) references person,
  foreign key (tenant, declared_by) references person,
  check (to_on >= from_on)
);

create table recusal ( -- for good: neither changed nor taken back
  tenant uuid not null,
  dossier uuid not null,
  person uuid not null,
  substitute uuid,
  record jsonb not null,
  primary key (tenant, dossier, person),
  foreign key (tenant, dossier) references dossier,
  foreign key (tenant, person) references person,
  foreign key (tenant, substitute) references person,
  check (substitute <> person)
);

create table closure (
  tenant uuid not null references tenant,
  day date not null,
  label text not null default '',
  primary key (tenant, day)
);

-- +goose StatementBegin
do $$ declare t text; begin
  foreach t in array array['desk_supervisor', 'organisation', 'circuit_draft', 'circuit_retired', 'sequence', 'sequence_drawn', 'filing',
    'delegation', 'absence', 'impediment', 'recusal', 'closure'] loop
    execute format('alter table %I enable row level security', t);
    execute format('alter table %I force row level security', t);
    execute format('create policy town on %I using (tenant = current_tenant()) with check (tenant = current_tenant())', t);
    execute format('grant select, insert on %I to parapheur_app', t);
  end loop;
end $$;
-- +goose StatementEnd
create trigger recusal_append_only before update or delete on recusal for each row execute function refuse_change();
create trigger circuit_retired_append_only before update or delete on circuit_retired for each row execute function refuse_change();
grant update on organisation, circuit_draft, sequence, sequence_drawn, filing, delegation, absence, impediment, closure to parapheur_app;
grant delete on desk_supervisor, circuit_draft, closure to parapheur_app;
