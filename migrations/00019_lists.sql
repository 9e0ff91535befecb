-- +goose Up
-- What the lists of applications are read by, whatever a town has behind it:
-- each index keeps the letters of one filter, or of two together, in the order
-- of the list. Every operator in them is one that may be used under row-level
-- security before its policy.
drop index dossier_of_application;
create index dossier_of_application on dossier (tenant, application, created_at desc, id desc);
create index dossier_of_application_phase on dossier (tenant, application, phase, created_at desc, id desc);
create index dossier_of_application_type on dossier (tenant, application, type_code, phase, created_at desc, id desc);
create index dossier_of_application_moved on dossier (tenant, application, updated_at desc);
-- And for those that see every letter of the town.
create index dossier_phase on dossier (tenant, phase, created_at desc, id desc);
create index dossier_type_phase on dossier (tenant, type_code, phase, created_at desc, id desc);
create index dossier_moved on dossier (tenant, updated_at desc);
create index dossier_any_reference on dossier (tenant, external_reference) where external_reference is not null;

-- The keys of deposits are kept as long as those of other requests.
create index idempotency_age on idempotency (tenant, at);
grant update, delete on idempotency to parapheur_app;
