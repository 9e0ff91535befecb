-- +goose Up
-- "Suivis" and "en fin de circuit" are read from participant alone: it now
-- names the drafter too, and repeats the phase and the last movement of the
-- dossier, so that an index answers however many dossiers a town has.

-- The owner fills the new columns: for that moment the policies that hold
-- every role to one town must let the owner through.
alter table participant no force row level security;
alter table dossier no force row level security;
alter table participant rename column at to decided_at;
alter table participant alter column decided_at drop not null;
alter table participant add column phase text, add column moved_at timestamptz;
update participant p set phase = d.phase, moved_at = d.updated_at from dossier d where d.tenant = p.tenant and d.id = p.dossier;
insert into participant (tenant, person, dossier, phase, moved_at)
  select tenant, drafter, id, phase, updated_at from dossier on conflict do nothing;
alter table participant alter column phase set not null, alter column moved_at set not null;
alter table participant force row level security;
alter table dossier force row level security;

drop index participant_recent;
create index participant_follows on participant (tenant, person, phase, moved_at desc, dossier desc);
create index participant_dossier on participant (tenant, dossier);
grant update on participant to parapheur_app;

-- Signatures decided and not there yet: what a node that starts takes up.
create index dossier_unsealed on dossier (tenant, updated_at) where phase = 'running' and open_desk is null;

-- What names somebody of another town is refused like everywhere else.
alter table session add foreign key (tenant, person) references person;
alter table idempotency add foreign key (tenant, application) references application;

-- A town's own row: everyone may look a host up, a town numbers its own
-- dossiers only.
alter table tenant enable row level security;
create policy directory on tenant for select using (true);
create policy town on tenant for update using (id = current_tenant()) with check (id = current_tenant());
