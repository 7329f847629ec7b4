-- Erasure of an usager, disputes that freeze it, and the pruning of access
-- entries: the leaf stays, the body goes.

-- +goose Up

-- The entry journal.prune that took the body away; NULL while the body is there.
ALTER TABLE journal ADD COLUMN pruned_by BIGINT;
CREATE INDEX journal_pruned ON journal (pruned_by) WHERE pruned_by IS NOT NULL;

-- The actions whose entries may be pruned; filled by the program at each migration.
CREATE TABLE journal_acces (
  action TEXT PRIMARY KEY
);

-- An erased usager keeps an opaque id, the date and the entry of the erasure.
ALTER TABLE usager ADD COLUMN erased_at TIMESTAMPTZ;
ALTER TABLE usager ADD COLUMN erased_entry BIGINT REFERENCES journal (id);

ALTER TABLE mandat ADD COLUMN disputed_at TIMESTAMPTZ;
ALTER TABLE mandat ADD COLUMN dispute_reason TEXT NOT NULL DEFAULT '';
ALTER TABLE mandat ADD COLUMN dispute_review TIMESTAMPTZ;

-- The first bytes of keys wrapped by the master key in use, once it was renewed:
-- an instance that still holds the old one must not make keys nobody can open.
CREATE TABLE coffre_master (
  one    BIGINT PRIMARY KEY CHECK (one = 1),
  prefix BYTEA NOT NULL
);
