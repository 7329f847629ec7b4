-- The journal stays append-only but for one thing: an access entry loses its body
-- once, for an entry journal.prune that says so. An erased usager stays erased.

-- +goose Up
DROP TRIGGER journal_change ON journal;

-- +goose StatementBegin
CREATE FUNCTION relais_prune_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.pruned_by IS NULL AND NEW.pruned_by IS NOT NULL AND NEW.pruned_by > OLD.id
     AND NEW.id = OLD.id AND NEW.xid = OLD.xid AND NEW.ts = OLD.ts AND NEW.actor_type = OLD.actor_type AND NEW.action = OLD.action
     AND NEW.object_type = OLD.object_type AND NEW.mandat_id = OLD.mandat_id AND NEW.stream_seq = OLD.stream_seq
     AND NEW.outcome = OLD.outcome AND NEW.leaf = OLD.leaf
     AND NEW.entry_id = '' AND NEW.actor_ref = '' AND NEW.object_id = '' AND length(NEW.body) = 0
     AND EXISTS (SELECT 1 FROM journal_acces a WHERE a.action = OLD.action)
     AND EXISTS (SELECT 1 FROM journal p WHERE p.id = NEW.pruned_by AND p.action = 'journal.prune' AND p.outcome = 'ok') THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'journal is append-only' USING ERRCODE = 'integrity_constraint_violation';
END $$;
-- +goose StatementEnd

CREATE TRIGGER journal_update BEFORE UPDATE ON journal FOR EACH ROW EXECUTE FUNCTION relais_prune_only();
CREATE TRIGGER journal_delete BEFORE DELETE ON journal FOR EACH ROW EXECUTE FUNCTION relais_refuse();

-- +goose StatementBegin
CREATE FUNCTION relais_usager() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.erased_at IS NOT NULL OR NEW.id <> OLD.id OR (NEW.erased_at IS NOT NULL AND (length(NEW.sealed) > 0
     OR NOT EXISTS (SELECT 1 FROM journal WHERE id = NEW.erased_entry AND action = 'usager.erase' AND outcome = 'ok'))) THEN
    RAISE EXCEPTION 'usager is erased with its entry, and stays erased' USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END $$;
-- +goose StatementEnd

CREATE TRIGGER usager_update BEFORE UPDATE ON usager FOR EACH ROW EXECUTE FUNCTION relais_usager();
CREATE TRIGGER usager_delete BEFORE DELETE ON usager FOR EACH ROW EXECUTE FUNCTION relais_refuse();
CREATE TRIGGER usager_truncate BEFORE TRUNCATE ON usager FOR EACH STATEMENT EXECUTE FUNCTION relais_refuse();

-- +goose StatementBegin
CREATE FUNCTION relais_coffre() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM coffre_master WHERE prefix <> substring(NEW.wrapped FROM 1 FOR 5)) THEN
    RAISE EXCEPTION 'the master key was renewed: restart this instance' USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END $$;
-- +goose StatementEnd

CREATE TRIGGER coffre_key_insert BEFORE INSERT ON coffre_key FOR EACH ROW EXECUTE FUNCTION relais_coffre();
