-- Counters of refusals and of logins begun. counter is a rule and a keyed hash
-- of an address: nothing personal stands clear. mark is where the counter stands
-- (see internal/debit); a row whose mark has passed says nothing any more.

-- +goose Up
CREATE TABLE debit (
  counter TEXT PRIMARY KEY,
  mark    TIMESTAMPTZ NOT NULL
);
CREATE INDEX debit_mark ON debit (mark);
