-- Guards. They stop mistakes and raw writes that bring no entry; proof against an
-- intruder comes from the tree and from checkpoints kept outside.

-- +goose Up
-- +goose StatementBegin
CREATE TRIGGER journal_insert BEFORE INSERT ON journal WHEN NEW.id <> (SELECT coalesce(max(id), -1) + 1 FROM journal)
BEGIN SELECT RAISE(ABORT, 'journal is append-only: not the next number'); END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER journal_update BEFORE UPDATE ON journal
BEGIN SELECT RAISE(ABORT, 'journal is append-only'); END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER journal_delete BEFORE DELETE ON journal
BEGIN SELECT RAISE(ABORT, 'journal is append-only'); END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER journal_node_insert BEFORE INSERT ON journal_node WHEN NEW.idx <= (SELECT coalesce(max(idx), -1) FROM journal_node)
BEGIN SELECT RAISE(ABORT, 'journal_node is append-only: not the next number'); END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER journal_node_update BEFORE UPDATE ON journal_node
BEGIN SELECT RAISE(ABORT, 'journal_node is append-only'); END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER journal_node_delete BEFORE DELETE ON journal_node
BEGIN SELECT RAISE(ABORT, 'journal_node is append-only'); END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER journal_checkpoint_insert BEFORE INSERT ON journal_checkpoint WHEN NEW.size <= (SELECT coalesce(max(size), -1) FROM journal_checkpoint)
BEGIN SELECT RAISE(ABORT, 'journal_checkpoint is append-only: not the next number'); END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER journal_checkpoint_update BEFORE UPDATE ON journal_checkpoint
BEGIN SELECT RAISE(ABORT, 'journal_checkpoint is append-only'); END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER journal_checkpoint_delete BEFORE DELETE ON journal_checkpoint
BEGIN SELECT RAISE(ABORT, 'journal_checkpoint is append-only'); END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER journal_head_insert BEFORE INSERT ON journal_head
BEGIN SELECT RAISE(ABORT, 'journal_head has one row'); END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER journal_head_update BEFORE UPDATE ON journal_head WHEN NEW.size < OLD.size OR NEW.one <> 1
BEGIN SELECT RAISE(ABORT, 'the journal never shrinks'); END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER journal_head_delete BEFORE DELETE ON journal_head
BEGIN SELECT RAISE(ABORT, 'journal_head has one row'); END;
-- +goose StatementEnd

-- A state changes with an entry of its own, or not at all. The delegation's protocol
-- column is no state: it is emptied when nobody needs it any more.

-- +goose StatementBegin
CREATE TRIGGER organisation_update BEFORE UPDATE ON organisation
WHEN NEW.journal_id <= OLD.journal_id
BEGIN SELECT RAISE(ABORT, 'organisation changes with a new journal entry only'); END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER organisation_delete BEFORE DELETE ON organisation
BEGIN SELECT RAISE(ABORT, 'organisation is never deleted'); END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER organisation_insert BEFORE INSERT ON organisation WHEN EXISTS (SELECT 1 FROM organisation WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'organisation exists'); END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER aidant_update BEFORE UPDATE ON aidant
WHEN NEW.journal_id <= OLD.journal_id
BEGIN SELECT RAISE(ABORT, 'aidant changes with a new journal entry only'); END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER aidant_delete BEFORE DELETE ON aidant
BEGIN SELECT RAISE(ABORT, 'aidant is never deleted'); END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER aidant_insert BEFORE INSERT ON aidant WHEN EXISTS (SELECT 1 FROM aidant WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'aidant exists'); END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER mandat_update BEFORE UPDATE ON mandat
WHEN NEW.journal_id <= OLD.journal_id OR NOT EXISTS (SELECT 1 FROM journal WHERE id = NEW.journal_id AND mandat_id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'mandat changes with a new journal entry only'); END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER mandat_delete BEFORE DELETE ON mandat
BEGIN SELECT RAISE(ABORT, 'mandat is never deleted'); END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER mandat_insert BEFORE INSERT ON mandat WHEN EXISTS (SELECT 1 FROM mandat WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'mandat exists'); END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER autorisation_update BEFORE UPDATE ON autorisation
WHEN NEW.journal_id <= OLD.journal_id OR NOT EXISTS (SELECT 1 FROM journal WHERE id = NEW.journal_id AND mandat_id = NEW.mandat_id)
BEGIN SELECT RAISE(ABORT, 'autorisation changes with a new journal entry only'); END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER autorisation_delete BEFORE DELETE ON autorisation WHEN OLD.usager_id IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'a signed autorisation is ended, never deleted'); END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER autorisation_insert BEFORE INSERT ON autorisation
WHEN EXISTS (SELECT 1 FROM autorisation WHERE mandat_id = NEW.mandat_id AND domaine = NEW.domaine)
BEGIN SELECT RAISE(ABORT, 'autorisation exists'); END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER delegation_update BEFORE UPDATE OF id, client_id, mandat_id, domaine, usager_id, aidant_id, organisation_id, session_ref, chosen_at,
  code_hash, code_expires_at, consumed_at, token_hash, token_expires_at, revoked_at, ended_at, journal_id ON delegation
WHEN NEW.journal_id <= OLD.journal_id OR NOT EXISTS (SELECT 1 FROM journal WHERE id = NEW.journal_id AND mandat_id = NEW.mandat_id)
BEGIN SELECT RAISE(ABORT, 'delegation changes with a new journal entry only'); END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER delegation_delete BEFORE DELETE ON delegation
BEGIN SELECT RAISE(ABORT, 'delegation is never deleted'); END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER delegation_insert BEFORE INSERT ON delegation WHEN EXISTS (SELECT 1 FROM delegation WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'delegation exists'); END;
-- +goose StatementEnd
