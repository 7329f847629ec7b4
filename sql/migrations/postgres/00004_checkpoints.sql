-- Signed checkpoints by origin, since a new epoch counts from where the database
-- then stands, and what witnesses and time authorities said of them. Nothing had
-- been written to the table of migration 1.

-- +goose Up
DROP TABLE journal_checkpoint;

CREATE TABLE journal_checkpoint (
  origin     TEXT NOT NULL,
  size       BIGINT NOT NULL,
  note       BYTEA NOT NULL,
  created_at TIMESTAMPTZ NOT NULL,
  PRIMARY KEY (origin, size)
);

CREATE TABLE journal_attestation (
  origin     TEXT NOT NULL,
  size       BIGINT NOT NULL,
  kind       TEXT NOT NULL,
  name       TEXT NOT NULL,
  data       BYTEA NOT NULL,
  created_at TIMESTAMPTZ NOT NULL,
  PRIMARY KEY (origin, kind, size, name)
);

CREATE TRIGGER journal_checkpoint_change BEFORE UPDATE OR DELETE ON journal_checkpoint FOR EACH ROW EXECUTE FUNCTION relais_refuse();
CREATE TRIGGER journal_checkpoint_truncate BEFORE TRUNCATE ON journal_checkpoint FOR EACH STATEMENT EXECUTE FUNCTION relais_refuse();
CREATE TRIGGER journal_attestation_change BEFORE UPDATE OR DELETE ON journal_attestation FOR EACH ROW EXECUTE FUNCTION relais_refuse();
CREATE TRIGGER journal_attestation_truncate BEFORE TRUNCATE ON journal_attestation FOR EACH STATEMENT EXECUTE FUNCTION relais_refuse();
