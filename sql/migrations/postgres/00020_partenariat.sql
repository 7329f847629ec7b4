-- Structures whose référents may be the second person for each other's agents.
-- a_id sorts before b_id: a partnership holds in both directions.

-- +goose Up
CREATE TABLE partenariat (
  id         TEXT PRIMARY KEY,
  a_id       TEXT NOT NULL REFERENCES organisation (id),
  b_id       TEXT NOT NULL REFERENCES organisation (id),
  opened_by  TEXT NOT NULL,
  opened_at  TIMESTAMPTZ NOT NULL,
  ended_by   TEXT NOT NULL,
  ended_at   TIMESTAMPTZ,
  journal_id BIGINT NOT NULL REFERENCES journal (id)
);
CREATE UNIQUE INDEX partenariat_active ON partenariat (a_id, b_id) WHERE ended_at IS NULL;
CREATE INDEX partenariat_b ON partenariat (b_id) WHERE ended_at IS NULL;

CREATE TRIGGER partenariat_update BEFORE UPDATE ON partenariat FOR EACH ROW
  WHEN (NEW.id <> OLD.id OR NEW.a_id <> OLD.a_id OR NEW.b_id <> OLD.b_id OR NEW.opened_by <> OLD.opened_by OR NEW.opened_at <> OLD.opened_at
    OR NEW.journal_id <= OLD.journal_id OR OLD.ended_at IS NOT NULL)
  EXECUTE FUNCTION relais_refuse();
CREATE TRIGGER partenariat_delete BEFORE DELETE ON partenariat FOR EACH ROW EXECUTE FUNCTION relais_refuse();
CREATE TRIGGER partenariat_truncate BEFORE TRUNCATE ON partenariat FOR EACH STATEMENT EXECUTE FUNCTION relais_refuse();
