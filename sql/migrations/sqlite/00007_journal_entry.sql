-- Entries by their index in the tree. Whoever reads by index reads this view:
-- journal.id is the row's own number, which on PostgreSQL is not the index.

-- +goose Up
CREATE VIEW journal_entry AS
SELECT id AS idx, id, ts, actor_type, actor_ref, action, object_type, object_id, mandat_id, stream_seq, outcome, body, leaf, pruned_by, entry_id
FROM journal;
