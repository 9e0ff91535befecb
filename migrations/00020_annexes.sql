-- +goose Up
-- The annexes of a dossier may change: which documents they are, in order. A
-- document that leaves the list keeps its bytes, for those who decided with it.
alter table dossier add column annexes int[]; -- null: all but the letter, as deposited

-- The pages of which origins an application may show the progress of its
-- letters in; none: no page may.
alter table application add column frames text[] not null default '{}';
