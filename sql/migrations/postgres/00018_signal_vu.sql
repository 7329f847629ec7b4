-- An auditeur's mark on a signal: looked at, by whom, with a note. It is kept with
-- its entry when signals are derived anew. sealed: the note; NULL once the usager it
-- may speak of is erased.

-- +goose Up
CREATE TABLE signal_vu (
  idx         BIGINT NOT NULL,
  rule        TEXT NOT NULL,
  mandat_id   TEXT NOT NULL,
  auditeur_id TEXT NOT NULL REFERENCES aidant (id),
  at          TIMESTAMPTZ NOT NULL,
  sealed      BYTEA,
  journal_id  BIGINT NOT NULL REFERENCES journal (id),
  PRIMARY KEY (idx, rule)
);
CREATE INDEX signal_vu_mandat ON signal_vu (mandat_id);

-- +goose StatementBegin
CREATE FUNCTION relais_signal_vu() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF EXISTS (SELECT 1 FROM journal WHERE id = NEW.journal_id AND action = 'signal.see' AND object_id = NEW.idx || '.' || NEW.rule) THEN
      RETURN NEW;
    END IF;
  ELSIF NEW.idx = OLD.idx AND NEW.rule = OLD.rule AND NEW.mandat_id = OLD.mandat_id AND NEW.auditeur_id = OLD.auditeur_id
     AND NEW.at = OLD.at AND NEW.journal_id = OLD.journal_id AND NEW.sealed IS NULL THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'a signal is marked once, with its journal entry, and only loses its note' USING ERRCODE = 'integrity_constraint_violation';
END $$;
-- +goose StatementEnd

CREATE TRIGGER signal_vu_write BEFORE INSERT OR UPDATE ON signal_vu FOR EACH ROW EXECUTE FUNCTION relais_signal_vu();
CREATE TRIGGER signal_vu_delete BEFORE DELETE ON signal_vu FOR EACH ROW EXECUTE FUNCTION relais_refuse();
CREATE TRIGGER signal_vu_truncate BEFORE TRUNCATE ON signal_vu FOR EACH STATEMENT EXECUTE FUNCTION relais_refuse();
