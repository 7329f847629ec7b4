-- The journal stays append-only but for one thing: an access entry loses its body
-- once, for an entry journal.prune that says so. An erased usager stays erased.

-- +goose Up
DROP TRIGGER journal_update;

-- +goose StatementBegin
CREATE TRIGGER journal_update BEFORE UPDATE ON journal
WHEN NOT (OLD.pruned_by IS NULL AND NEW.pruned_by IS NOT NULL AND NEW.pruned_by > OLD.id
  AND NEW.id = OLD.id AND NEW.ts = OLD.ts AND NEW.actor_type = OLD.actor_type AND NEW.action = OLD.action
  AND NEW.object_type = OLD.object_type AND NEW.mandat_id = OLD.mandat_id AND NEW.stream_seq = OLD.stream_seq
  AND NEW.outcome = OLD.outcome AND NEW.leaf = OLD.leaf
  AND NEW.entry_id = '' AND NEW.actor_ref = '' AND NEW.object_id = '' AND length(NEW.body) = 0
  AND EXISTS (SELECT 1 FROM journal_acces a WHERE a.action = OLD.action)
  AND EXISTS (SELECT 1 FROM journal p WHERE p.id = NEW.pruned_by AND p.action = 'journal.prune' AND p.outcome = 'ok'))
BEGIN SELECT RAISE(ABORT, 'journal is append-only'); END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER usager_update BEFORE UPDATE ON usager
WHEN OLD.erased_at IS NOT NULL OR NEW.id <> OLD.id OR (NEW.erased_at IS NOT NULL AND (length(NEW.sealed) > 0
  OR NOT EXISTS (SELECT 1 FROM journal WHERE id = NEW.erased_entry AND action = 'usager.erase' AND outcome = 'ok')))
BEGIN SELECT RAISE(ABORT, 'usager is erased with its entry, and stays erased'); END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER usager_delete BEFORE DELETE ON usager
BEGIN SELECT RAISE(ABORT, 'usager is erased, never deleted'); END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER usager_insert BEFORE INSERT ON usager WHEN EXISTS (SELECT 1 FROM usager WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'usager exists'); END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER coffre_key_insert BEFORE INSERT ON coffre_key WHEN EXISTS (SELECT 1 FROM coffre_master WHERE prefix <> substr(NEW.wrapped, 1, 5))
BEGIN SELECT RAISE(ABORT, 'the master key was renewed: restart this instance'); END;
-- +goose StatementEnd
