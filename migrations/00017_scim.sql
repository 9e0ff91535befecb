-- +goose Up
-- A directory that speaks SCIM 2.0 (RFC 7644) provisions people and desks
-- through an account of its own, off as every other.
alter table connector drop constraint connector_kind_check;
alter table connector add constraint connector_kind_check check (kind in ('maarch', 'iparapheur', 'scim'));
