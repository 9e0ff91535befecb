-- +goose Up
-- The proof of an act done outside, as it was handed in: for which step of
-- which dossier, and by whom. A decision cites a proof that its own author
-- handed in for that very step, not any file whose digest somebody knows.
create table outside_proof (
  tenant uuid not null,
  dossier uuid not null,
  version int not null,
  round int not null,
  step text not null, -- of the frozen circuit
  person uuid not null,
  sha256 bytea not null check (length(sha256) = 32),
  bytes bigint not null,
  kind text not null,
  filed_at timestamptz not null,
  primary key (tenant, dossier, version, round, step, person, sha256),
  foreign key (tenant, dossier) references dossier,
  foreign key (tenant, person) references person
);
create trigger outside_proof_append_only before update or delete on outside_proof for each row execute function refuse_change();

alter table outside_proof enable row level security;
alter table outside_proof force row level security;
create policy town on outside_proof using (tenant = current_tenant()) with check (tenant = current_tenant());
grant select, insert on outside_proof to parapheur_app;
