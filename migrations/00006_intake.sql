-- +goose Up
-- What a town refuses in the PDFs it is given, and what the depositor of each
-- document was told.

create table deposit_rule ( -- a content without a row follows the product's default
  tenant uuid not null references tenant,
  content text not null check (content in
    ('launch', 'embedded_executable', 'javascript', 'submit_form', 'remote_content', 'rich_media', 'embedded_file')),
  refused boolean not null,
  primary key (tenant, content)
);

create table document_notice (
  tenant uuid not null,
  dossier uuid not null,
  n int not null check (n > 0),             -- document: 1 is the letter
  version int not null check (version > 0), -- of the document
  position int not null check (position > 0),
  code text not null,
  page int not null default 0,
  place text not null default '',
  name text not null default '',
  primary key (tenant, dossier, n, version, position),
  foreign key (tenant, dossier) references dossier
);
create trigger notice_append_only before update or delete on document_notice for each row execute function refuse_change();

-- +goose StatementBegin
do $$ declare t text; begin
  foreach t in array array['deposit_rule', 'document_notice'] loop
    execute format('alter table %I enable row level security', t);
    execute format('alter table %I force row level security', t);
    execute format('create policy town on %I using (tenant = current_tenant()) with check (tenant = current_tenant())', t);
    execute format('grant select, insert on %I to parapheur_app', t);
  end loop;
end $$;
-- +goose StatementEnd
grant update (refused) on deposit_rule to parapheur_app;
