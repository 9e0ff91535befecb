-- +goose Up
-- A letter is sealed in stages, each kept over the one that it was made from:
-- laid out, signed, timestamped, raised to its level and durable.
alter table sealing
  add column edition int not null default 1 check (edition > 0),
  add column level smallint not null default 0 check (level between 0 and 3),
  -- The evidence of the decision that it is for: a step may have several.
  add column decision bytea not null default decode(repeat('00', 32), 'hex') check (length(decision) = 32),
  -- Whose key it was laid out for: a remote one waits for its holder.
  add column holder uuid,
  add foreign key (tenant, holder) references person,
  add column stamped bytea,
  add column tail_sha256 bytea check (length(tail_sha256) = 32),
  add column tail_bytes bigint check (tail_bytes > 0),
  add constraint sealing_order check (
    (signature is not null or stamped is null) and (stamped is not null or tail_sha256 is null) and
    (tail_sha256 is null) = (tail_bytes is null));
alter table sealing alter column edition drop default, alter column level drop default, alter column decision drop default;

create index sealing_unsigned on sealing (tenant, holder, started_at) where signature is null;

-- The level that a type of letter requires, when it is above the node's.
alter table dossier_type add column level smallint not null default 0 check (level between 0 and 3);

-- Until when the last archive timestamp of a letter serves: another one must
-- cover it before.
create table archive (
  tenant uuid not null,
  dossier uuid not null,
  stamped_until timestamptz not null,
  primary key (tenant, dossier),
  foreign key (tenant, dossier) references dossier
);
create index archive_due on archive (tenant, stamped_until);
alter table archive enable row level security;
alter table archive force row level security;
create policy town on archive using (tenant = current_tenant()) with check (tenant = current_tenant());
grant select, insert, update on archive to parapheur_app;
