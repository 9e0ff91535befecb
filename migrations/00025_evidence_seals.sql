-- +goose Up
-- What makes the last evidence package of a dossier again, byte for byte: its
-- moment, the head of the journal then, and the seal. The files of the package
-- are read anew each time; package is the digest over all of them.
create table evidence_seal (
  tenant uuid not null references tenant,
  dossier uuid not null,
  package bytea not null check (octet_length(package) = 32),
  exported_at timestamptz not null,
  head_seq bigint not null check (head_seq >= 0),
  head_hash bytea not null check (octet_length(head_hash) = 32),
  seal bytea check (octet_length(seal) < 1048576), -- null: the town had no seal
  at timestamptz not null,
  primary key (tenant, dossier),
  foreign key (tenant, dossier) references dossier (tenant, id) on delete cascade
);
create index evidence_seal_by_age on evidence_seal (tenant, at);

alter table evidence_seal enable row level security;
alter table evidence_seal force row level security;
create policy town on evidence_seal using (tenant = current_tenant()) with check (tenant = current_tenant());
grant select, insert, update, delete on evidence_seal to parapheur_app;
