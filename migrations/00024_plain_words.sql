-- +goose Up
-- Nobody types accents on a phone: the words of a letter are kept, and looked
-- for, as they are typed there. No extension is needed, which a host may
-- refuse, and no locale decides.

-- plain writes a text as it is searched: small letters without accents or
-- ligatures, however composed (œ is oe, ß is ss), and spaces for the signs that
-- join or end words (l’école, Saint-Pierre, 2026/014).
-- +goose StatementBegin
create function plain(written text) returns text language plpgsql immutable parallel safe as $$
declare t text collate "C" := written;
begin
  -- Signs that would become letters; what is not seen (soft hyphens, marks of
  -- direction and of variation).
  t := regexp_replace(t, '[\u00aa\u00ba\u2116\u2120\u2122]', ' ', 'g');
  t := regexp_replace(t, '[\u00ad\u034f\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufe00-\ufe0f\ufeff]', '', 'g');
  t := lower(normalize(t, nfkd)); -- in C: the unaccented letters; the parser lowers those of other alphabets
  t := regexp_replace(t, '\mmai\u0308s\M', 'maiz', 'g'); -- which is not the small word mais
  t := regexp_replace(t, '[\u0300-\u036f\u1dc0-\u1dff\ufe20-\ufe2f]', '', 'g');
  t := regexp_replace(t, '[!-/:-@[-`{-~\u00a1-\u00a9\u00ab-\u00b1\u00b4-\u00b7\u00bb\u00bf\u00d7\u00f7\u02b9-\u02df\u2010-\u205e\u20a0-\u20bf\u2190-\u2bff\u3001-\u3011]+', ' ', 'g');
  -- Letters that are no letter with a mark.
  if t ~ '[^\u0001-\u007f]' then
    t := translate(t, 'ŒÆẞÞØĐÐŁĦŦŊøđðłħŧŋı', 'œæßþoddlhtnoddlhtni');
    t := replace(replace(replace(replace(t, 'œ', 'oe'), 'æ', 'ae'), 'ß', 'ss'), 'þ', 'th');
  end if;
  -- The stemmer knows the feminine by its accents: accordée is accordé,
  -- foncière is foncier. À and même are small words, as with their accents.
  t := regexp_replace(t, '(ier)e+(s?)\M|(e)e+(s?)\M', '\1\3\2\4', 'g');
  return regexp_replace(t, '\m(a|meme)\M', 'au', 'g');
end $$;
-- +goose StatementEnd

alter table dossier no force row level security;
alter table dossier_word no force row level security;
alter table dossier
  drop column search,
  add column search tsvector not null generated always as (
    to_tsvector('french', plain(title || ' ' || recipient || ' ' || coalesce(external_reference, '')))) stored;
truncate dossier_word;
insert into dossier_word (tenant, word, created_at, dossier)
  select d.tenant, w, d.created_at, d.id from dossier d, unnest(tsvector_to_array(d.search)) w;
alter table dossier_word force row level security;
alter table dossier force row level security;
