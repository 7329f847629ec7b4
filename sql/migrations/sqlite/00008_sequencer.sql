-- PostgreSQL gets a sequencer here. SQLite has one writer, which numbers entries as
-- it writes them: what is written is numbered.

-- +goose Up
ALTER TABLE journal_head ADD COLUMN cur_floor BIGINT;

CREATE VIEW journal_written AS
SELECT id AS idx, id, ts, actor_type, actor_ref, action, object_type, object_id, mandat_id, stream_seq, outcome, body, leaf, pruned_by, entry_id
FROM journal;
