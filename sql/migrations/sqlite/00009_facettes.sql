-- What followers derive from numbered entries, off the way of those who write:
-- rows that can always be made again from the journal. Posting lists of entries
-- by criterion replace three indexes that each entry had to pay for.

-- +goose Up
CREATE TABLE journal_follower (
  name TEXT PRIMARY KEY,
  next BIGINT NOT NULL
);

-- What an entry can be found by, such as 'action:mandat.sign'. Rows are never
-- deleted: instances remember the numbers.
CREATE TABLE facette (
  id   INTEGER PRIMARY KEY,
  code TEXT NOT NULL UNIQUE
);

-- idx is the entry's index in the tree. Newest first is the key read backwards.
CREATE TABLE journal_facette (
  facette BIGINT NOT NULL,
  idx     BIGINT NOT NULL,
  PRIMARY KEY (facette, idx)
) WITHOUT ROWID;

DROP INDEX journal_actor;
DROP INDEX journal_action;
DROP INDEX journal_outcome;

-- The one lookup by action that a write needs: which keys an issuer showed last.
CREATE INDEX journal_cles ON journal (object_id, id) WHERE action = 'cles.seen';
