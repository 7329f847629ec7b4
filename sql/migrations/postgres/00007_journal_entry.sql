-- Entries by their index in the tree. Whoever reads by index reads this view:
-- journal.id is the row's own number, which on PostgreSQL is not the index.

-- +goose Up
CREATE VIEW journal_entry AS
SELECT l.idx, j.id, j.ts, j.actor_type, j.actor_ref, j.action, j.object_type, j.object_id, j.mandat_id, j.stream_seq, j.outcome, j.body, j.leaf, j.pruned_by, j.entry_id
FROM journal_leaf l JOIN journal j ON j.id = l.entry_id;
