-- +goose Up
-- What a mail management system that speaks another product's protocol shows:
-- a login and a secret, off until an administrator turns it on and says from
-- where it may call.
create table connector (
  tenant uuid not null,
  id uuid not null,
  application uuid not null,
  kind text not null check (kind in ('maarch', 'iparapheur')),
  login text not null check (login <> ''),
  secret text not null check (secret like '$argon2id$%'),
  enabled boolean not null default false,
  networks cidr[] not null default '{}',
  circuits text[] not null default '{}',   -- codes it may ask for; empty: any
  dossier_type text not null default '',   -- of its letters, when its protocol has none
  provisions boolean not null default false, -- may make people known to the town
  aliases jsonb not null default '{}',     -- login of the client's user -> code of a circuit
  created_at timestamptz not null,
  primary key (tenant, id),
  unique (tenant, kind, login),
  foreign key (tenant, application) references application,
  check (not enabled or networks <> '{}')
);

-- Clients name people by integers. A number is one person at one desk, or a
-- person without desk; it is never given to another.
create table seat_number (
  tenant uuid not null,
  number bigint not null check (number > 0),
  person uuid not null,
  desk uuid,
  primary key (tenant, number),
  unique nulls not distinct (tenant, person, desk),
  foreign key (tenant, person) references person,
  foreign key (tenant, desk) references desk
);

-- What the client called a dossier, and said of it that the dossier has no
-- place for. Letting go of a dossier hides it from the client and deletes
-- nothing.
create table connector_dossier (
  tenant uuid not null,
  dossier uuid not null,
  connector uuid not null,
  identifier text not null,  -- byte for byte; empty: the protocol has none
  fingerprint bytea not null check (length(fingerprint) = 32),
  sent jsonb not null,
  at timestamptz not null,
  released_at timestamptz,
  primary key (tenant, dossier),
  foreign key (tenant, dossier) references dossier,
  foreign key (tenant, connector) references connector
);
create unique index connector_dossier_identifier on connector_dossier (tenant, connector, identifier) where identifier <> '';
create index connector_dossier_same on connector_dossier (tenant, connector, fingerprint);

-- Where blocks were asked for, in percent of the page as it is shown, from its
-- upper left corner.
create table dossier_place (
  tenant uuid not null,
  dossier uuid not null,
  n int not null,
  step text not null,        -- identifier in the circuit
  kind text not null check (kind in ('signature', 'date')),
  page int not null check (page > 0),
  across double precision not null check (across between 0 and 100),
  down double precision not null check (down between 0 and 100),
  width double precision not null,  -- of the page, in points
  height double precision not null,
  style jsonb not null,      -- of a date: format, font, color, width
  primary key (tenant, dossier, n),
  foreign key (tenant, dossier) references dossier
);

create trigger dossier_place_append_only before update or delete on dossier_place for each row execute function refuse_change();

-- +goose StatementBegin
do $$ declare t text; begin
  foreach t in array array['connector', 'seat_number', 'connector_dossier', 'dossier_place'] loop
    execute format('alter table %I enable row level security', t);
    execute format('alter table %I force row level security', t);
    execute format('create policy town on %I using (tenant = current_tenant()) with check (tenant = current_tenant())', t);
    execute format('grant select, insert on %I to parapheur_app', t);
  end loop;
end $$;
-- +goose StatementEnd
grant update (login, secret, enabled, networks, circuits, dossier_type, provisions, aliases) on connector to parapheur_app;
grant update (released_at) on connector_dossier to parapheur_app;
