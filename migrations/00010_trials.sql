-- +goose Up
-- The letters with which administrators try a circuit, kept as its tests: they
-- are run again before each publication.
create table circuit_case (
  tenant uuid not null references tenant,
  code text not null,
  position int not null check (position > 0),
  record jsonb not null,
  primary key (tenant, code, position)
);
alter table circuit_case enable row level security;
alter table circuit_case force row level security;
create policy town on circuit_case using (tenant = current_tenant()) with check (tenant = current_tenant());
grant select, insert, delete on circuit_case to parapheur_app;

-- How many letters travel each version of a circuit, and which.
create index dossier_underway on dossier (tenant, (state -> 'circuit' ->> 'code'), number) where phase = 'running';
