-- +goose Up
-- The serving role works the job queue, whose tables hold identifiers only.
-- +goose StatementBegin
do $$ declare t text; begin
  for t in select relname from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r' and relname like 'river\_%' loop
    execute format('grant select, insert, update, delete on %I to parapheur_app', t);
  end loop;
  for t in select relname from pg_class where relnamespace = 'public'::regnamespace and relkind = 'S' and relname like 'river\_%' loop
    execute format('grant usage, select, update on sequence %I to parapheur_app', t);
  end loop;
end $$;
-- +goose StatementEnd
