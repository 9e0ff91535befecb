-- +goose Up
-- What a signature block shows beside words: the coat of arms of a town, and the
-- handwritten signatures (griffes) of people. The image is sealed by the vault;
-- what was replaced stays as long as a letter under way was laid out with it.
create table picture (
  tenant uuid not null references tenant,
  kind text not null check (kind in ('arms', 'griffe')),
  person uuid,                    -- whose griffe it is; none for the arms
  sha256 bytea not null check (octet_length(sha256) = 32), -- of the image
  sealed bytea not null check (octet_length(sealed) < 2097152),
  at timestamptz not null,
  replaced_at timestamptz,        -- null: the one in use
  check ((kind = 'arms') = (person is null)),
  unique nulls not distinct (tenant, kind, person, sha256),
  foreign key (tenant, person) references person
);
create unique index picture_in_use on picture (tenant, kind, person) nulls not distinct where replaced_at is null;

alter table picture enable row level security;
alter table picture force row level security;
create policy town on picture using (tenant = current_tenant()) with check (tenant = current_tenant());
grant select, insert, delete on picture to parapheur_app;
grant update (sealed, at, replaced_at) on picture to parapheur_app;

-- The images with which a signature was laid out: laid out anew, it takes the same.
alter table sealing add column arms bytea check (octet_length(arms) = 32);
alter table sealing add column griffe bytea check (octet_length(griffe) = 32);

-- A block may be asked for on the last page, whichever it is, and at any step
-- that signs.
alter table dossier_place drop constraint dossier_place_page_check;
alter table dossier_place add constraint dossier_place_page_check check (page >= 0); -- 0: the last
