-- +goose Up
-- The words of letters, by which they are found. The operator of full text may
-- tell of rows that a policy hides, as PostgreSQL sees it, and so never reads an
-- index under row-level security: a search would read the whole town. Equal
-- words may: the words of a letter are kept one a row, newest last, and the
-- query holds only the letters found against the full text.
alter table dossier no force row level security;

create table dossier_word (
  tenant uuid not null,
  word text not null, -- a lexeme of dossier.search
  created_at timestamptz not null,
  dossier uuid not null,
  primary key (tenant, word, created_at, dossier),
  foreign key (tenant, dossier) references dossier
);
insert into dossier_word (tenant, word, created_at, dossier)
  select d.tenant, w, d.created_at, d.id from dossier d, unnest(tsvector_to_array(d.search)) w;
alter table dossier_word enable row level security;
alter table dossier_word force row level security;
create policy town on dossier_word using (tenant = current_tenant()) with check (tenant = current_tenant());
grant select, insert, delete on dossier_word to parapheur_app;

-- +goose StatementBegin
create function keep_words() returns trigger language plpgsql as $$ begin
  if tg_op = 'UPDATE' then
    delete from dossier_word where tenant = old.tenant and word = any(tsvector_to_array(old.search)) and created_at = old.created_at and dossier = old.id;
  end if;
  insert into dossier_word (tenant, word, created_at, dossier)
    select new.tenant, w, new.created_at, new.id from unnest(tsvector_to_array(new.search)) w;
  return null;
end $$;
-- +goose StatementEnd
create trigger words_kept after insert or update of title, recipient, external_reference on dossier
  for each row execute function keep_words();

drop index dossier_search;
create index dossier_recent on dossier (tenant, created_at desc, id desc);
alter table dossier force row level security;
