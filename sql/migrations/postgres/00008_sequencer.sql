-- The sequencer: an entry is written with its action and without its place in the
-- tree, so that transactions need not follow each other. A sequencer then gives
-- leaf numbers in (xid, id) order below the snapshot's horizon, where nothing can
-- appear any more. Entries written until now keep id = idx, and are all numbered.

-- +goose Up

-- In the order in which everybody who writes takes them.
LOCK TABLE journal_head, journal IN ACCESS EXCLUSIVE MODE;

-- ALWAYS, so that a program older than this migration, which gives ids itself, is refused.
ALTER TABLE journal ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (MINVALUE 0 START WITH 0);
SELECT setval(pg_get_serial_sequence('journal', 'id'), (SELECT max(id) FROM journal)) WHERE EXISTS (SELECT 1 FROM journal);
DROP TRIGGER journal_insert ON journal;
DROP FUNCTION relais_next_entry();

-- cur_xid, cur_id: what is at or below them is numbered, and so is every id up to
-- cur_floor, whatever its xid (they may come from another cluster, whose system
-- identifier was cluster_id).
ALTER TABLE journal_head ADD COLUMN cur_floor BIGINT;
UPDATE journal_head SET cur_xid = pg_current_xact_id()::text, cur_id = 0, cur_floor = (SELECT coalesce(max(id), -1) FROM journal),
  cluster_id = (SELECT system_identifier::text FROM pg_control_system());

-- Entries without a number too: idx is NULL until the sequencer gave one.
-- pruned_by names an index here; -1 for one that has no number yet.
CREATE VIEW journal_written AS
SELECT l.idx, j.id, j.ts, j.actor_type, j.actor_ref, j.action, j.object_type, j.object_id, j.mandat_id, j.stream_seq, j.outcome, j.body, j.leaf,
  CASE WHEN j.pruned_by IS NULL THEN NULL ELSE coalesce((SELECT p.idx FROM journal_leaf p WHERE p.entry_id = j.pruned_by), -1) END AS pruned_by, j.entry_id
FROM journal j LEFT JOIN journal_leaf l ON l.entry_id = j.id;

CREATE OR REPLACE VIEW journal_entry AS
SELECT l.idx, j.id, j.ts, j.actor_type, j.actor_ref, j.action, j.object_type, j.object_id, j.mandat_id, j.stream_seq, j.outcome, j.body, j.leaf,
  CASE WHEN j.pruned_by IS NULL THEN NULL ELSE coalesce((SELECT p.idx FROM journal_leaf p WHERE p.entry_id = j.pruned_by), -1) END AS pruned_by, j.entry_id
FROM journal_leaf l JOIN journal j ON j.id = l.entry_id;
