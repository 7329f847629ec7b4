-- Guards. They stop mistakes and raw writes that bring no entry; proof against an
-- intruder comes from the tree and from checkpoints kept outside.

-- +goose Up
-- +goose StatementBegin
CREATE FUNCTION relais_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '%: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'integrity_constraint_violation';
END $$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION relais_next_entry() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.id <> (SELECT coalesce(max(id), -1) + 1 FROM journal) THEN
    RAISE EXCEPTION 'journal is append-only: not the next number' USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END $$;
-- +goose StatementEnd

CREATE TRIGGER journal_insert BEFORE INSERT ON journal FOR EACH ROW EXECUTE FUNCTION relais_next_entry();

CREATE TRIGGER journal_change BEFORE UPDATE OR DELETE ON journal FOR EACH ROW EXECUTE FUNCTION relais_refuse();
CREATE TRIGGER journal_truncate BEFORE TRUNCATE ON journal FOR EACH STATEMENT EXECUTE FUNCTION relais_refuse();
CREATE TRIGGER journal_leaf_change BEFORE UPDATE OR DELETE ON journal_leaf FOR EACH ROW EXECUTE FUNCTION relais_refuse();
CREATE TRIGGER journal_leaf_truncate BEFORE TRUNCATE ON journal_leaf FOR EACH STATEMENT EXECUTE FUNCTION relais_refuse();
CREATE TRIGGER journal_node_change BEFORE UPDATE OR DELETE ON journal_node FOR EACH ROW EXECUTE FUNCTION relais_refuse();
CREATE TRIGGER journal_node_truncate BEFORE TRUNCATE ON journal_node FOR EACH STATEMENT EXECUTE FUNCTION relais_refuse();
CREATE TRIGGER journal_checkpoint_change BEFORE UPDATE OR DELETE ON journal_checkpoint FOR EACH ROW EXECUTE FUNCTION relais_refuse();
CREATE TRIGGER journal_checkpoint_truncate BEFORE TRUNCATE ON journal_checkpoint FOR EACH STATEMENT EXECUTE FUNCTION relais_refuse();
CREATE TRIGGER journal_head_change BEFORE INSERT OR DELETE ON journal_head FOR EACH ROW EXECUTE FUNCTION relais_refuse();
CREATE TRIGGER journal_head_truncate BEFORE TRUNCATE ON journal_head FOR EACH STATEMENT EXECUTE FUNCTION relais_refuse();
CREATE TRIGGER journal_head_update BEFORE UPDATE ON journal_head FOR EACH ROW
  WHEN (NEW.size < OLD.size OR NEW.one <> 1) EXECUTE FUNCTION relais_refuse();

-- A state changes with an entry of its own, or not at all. The delegation's protocol
-- column is no state: it is emptied when nobody needs it any more.

-- +goose StatementBegin
CREATE FUNCTION relais_own_entry() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  concerned TEXT := CASE TG_TABLE_NAME WHEN 'mandat' THEN to_jsonb(NEW) ->> 'id' ELSE to_jsonb(NEW) ->> 'mandat_id' END;
BEGIN
  IF NEW.journal_id <= OLD.journal_id
     OR NOT EXISTS (SELECT 1 FROM journal WHERE id = NEW.journal_id AND mandat_id = concerned) THEN
    RAISE EXCEPTION '% changes with a new journal entry only', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END $$;
-- +goose StatementEnd

CREATE TRIGGER organisation_update BEFORE UPDATE ON organisation FOR EACH ROW
  WHEN (NEW.journal_id <= OLD.journal_id) EXECUTE FUNCTION relais_refuse();
CREATE TRIGGER organisation_delete BEFORE DELETE ON organisation FOR EACH ROW EXECUTE FUNCTION relais_refuse();
CREATE TRIGGER organisation_truncate BEFORE TRUNCATE ON organisation FOR EACH STATEMENT EXECUTE FUNCTION relais_refuse();
CREATE TRIGGER aidant_update BEFORE UPDATE ON aidant FOR EACH ROW
  WHEN (NEW.journal_id <= OLD.journal_id) EXECUTE FUNCTION relais_refuse();
CREATE TRIGGER aidant_delete BEFORE DELETE ON aidant FOR EACH ROW EXECUTE FUNCTION relais_refuse();
CREATE TRIGGER aidant_truncate BEFORE TRUNCATE ON aidant FOR EACH STATEMENT EXECUTE FUNCTION relais_refuse();
CREATE TRIGGER mandat_update BEFORE UPDATE ON mandat FOR EACH ROW
  EXECUTE FUNCTION relais_own_entry();
CREATE TRIGGER mandat_delete BEFORE DELETE ON mandat FOR EACH ROW EXECUTE FUNCTION relais_refuse();
CREATE TRIGGER mandat_truncate BEFORE TRUNCATE ON mandat FOR EACH STATEMENT EXECUTE FUNCTION relais_refuse();
CREATE TRIGGER autorisation_update BEFORE UPDATE ON autorisation FOR EACH ROW
  EXECUTE FUNCTION relais_own_entry();
CREATE TRIGGER autorisation_delete BEFORE DELETE ON autorisation FOR EACH ROW
  WHEN (OLD.usager_id IS NOT NULL) EXECUTE FUNCTION relais_refuse();
CREATE TRIGGER autorisation_truncate BEFORE TRUNCATE ON autorisation FOR EACH STATEMENT EXECUTE FUNCTION relais_refuse();
CREATE TRIGGER delegation_update BEFORE UPDATE OF id, client_id, mandat_id, domaine, usager_id, aidant_id, organisation_id, session_ref, chosen_at,
  code_hash, code_expires_at, consumed_at, token_hash, token_expires_at, revoked_at, ended_at, journal_id ON delegation FOR EACH ROW
  EXECUTE FUNCTION relais_own_entry();
CREATE TRIGGER delegation_delete BEFORE DELETE ON delegation FOR EACH ROW EXECUTE FUNCTION relais_refuse();
CREATE TRIGGER delegation_truncate BEFORE TRUNCATE ON delegation FOR EACH STATEMENT EXECUTE FUNCTION relais_refuse();
