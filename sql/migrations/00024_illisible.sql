-- Entries that a follower of the journal had to pass over, since something in them
-- could not be read: a mark that stays until « relais journal index ».

-- +goose Up
CREATE TABLE journal_illisible (
  suiveur TEXT NOT NULL,
  idx     BIGINT NOT NULL,
  at      TIMESTAMPTZ NOT NULL,
  PRIMARY KEY (suiveur, idx)
);
