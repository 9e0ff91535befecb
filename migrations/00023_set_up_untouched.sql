-- +goose Up
-- A town whose set-up was locked, and not changed, stands at no revision yet.
alter table organisation drop constraint organisation_revision_check;
alter table organisation add constraint organisation_revision_check check (revision >= 0);
