-- +goose Up
-- What waits for somebody, one row a turn or a question: the lines of
-- in-trays. It is a reading of dossier.state, which a test compares.

-- The owner reads and fills rows of every town: for that moment the policies
-- that hold every role to one town must let the owner through.
alter table dossier no force row level security;

create table turn (
  tenant uuid not null,
  dossier uuid not null,
  step int not null,
  n int not null,        -- of the turn, or of the question, in its step
  asked boolean not null, -- an opinion was asked
  holder uuid not null,  -- the person, or else the desk
  desk uuid,             -- where the matter belongs
  since timestamptz not null,
  due timestamptz,
  primary key (tenant, dossier, step, asked, n),
  foreign key (tenant, dossier) references dossier
);
insert into turn (tenant, dossier, step, n, asked, holder, desk, since)
  select d.tenant, d.id, (select ord - 1 from jsonb_array_elements(d.state -> 'steps') with ordinality e (v, ord) where v ->> 'status' = 'open' limit 1),
    0, false, d.open_desk, d.open_desk, coalesce(d.open_since, d.updated_at)
  from dossier d where d.open_desk is not null;
create index turn_in_tray on turn (tenant, holder, since, dossier);
create index turn_late on turn (tenant, holder, due, dossier) where due is not null;

alter table dossier
  drop column open_desk,
  add column due timestamptz,      -- the first deadline among the open turns
  add column tick timestamptz,     -- before then the clock alone brings nothing about
  add column blocked boolean not null default false;
create index dossier_tick on dossier (tenant, tick) where tick is not null;
create index dossier_blocked on dossier (tenant, id) where blocked;
alter table dossier force row level security;

alter table turn enable row level security;
alter table turn force row level security;
create policy town on turn using (tenant = current_tenant()) with check (tenant = current_tenant());
grant select, insert, delete on turn to parapheur_app;

-- Several turns of one step may be one person's: desks that they cumulate.
alter table evidence
  add column turn int not null default 0,
  drop constraint evidence_once,
  add constraint evidence_once unique (tenant, dossier, version, round, step, turn, person, decision),
  drop constraint evidence_decision_check,
  add constraint evidence_decision_check check (decision in ('visa', 'signature', 'cachet', 'avis', 'externe', 'refus', 'remords', 'contournement'));

-- Whatever changes who may act moves the revision of the set-up, so that
-- those who keep a copy of it know.
-- +goose StatementBegin
create function move_organisation() returns trigger language plpgsql as $$ begin
  if current_tenant() is not null then
    insert into organisation (tenant, revision) values (current_tenant(), 1)
      on conflict (tenant) do update set revision = organisation.revision + 1;
  end if;
  return null;
end $$;
-- +goose StatementEnd
-- +goose StatementBegin
do $$ declare t text; begin
  foreach t in array array['person', 'desk', 'seat', 'dossier_type', 'circuit_version', 'circuit_retired', 'delegation', 'absence', 'impediment', 'closure'] loop
    execute format('create trigger moves_organisation after insert or update or delete on %I for each statement execute function move_organisation()', t);
  end loop;
end $$;
-- +goose StatementEnd
