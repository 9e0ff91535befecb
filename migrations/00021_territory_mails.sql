-- +goose Up
-- Where a town is: which public holidays it keeps, and where its days begin.
-- Beside the town and not in its set-up: pages and mails write dates before
-- the set-up is read.
alter table tenant
  add column region text not null default '',
  add column zone text not null default '';
grant update (region, zone) on tenant to parapheur_app;

-- What somebody wants to be told by mail: an object of dossiers.MailWishes.
alter table person add column mails jsonb not null default '{}';
