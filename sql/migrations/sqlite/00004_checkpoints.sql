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

-- +goose StatementBegin
CREATE TRIGGER journal_checkpoint_insert BEFORE INSERT ON journal_checkpoint
WHEN NEW.size <= (SELECT coalesce(max(size), -1) FROM journal_checkpoint WHERE origin = NEW.origin)
BEGIN SELECT RAISE(ABORT, 'journal_checkpoint is append-only: not the next size'); END;
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
CREATE TRIGGER journal_attestation_insert BEFORE INSERT ON journal_attestation
WHEN EXISTS (SELECT 1 FROM journal_attestation WHERE origin = NEW.origin AND kind = NEW.kind AND size = NEW.size AND name = NEW.name)
BEGIN SELECT RAISE(ABORT, 'journal_attestation is append-only'); END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER journal_attestation_update BEFORE UPDATE ON journal_attestation
BEGIN SELECT RAISE(ABORT, 'journal_attestation is append-only'); END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER journal_attestation_delete BEFORE DELETE ON journal_attestation
BEGIN SELECT RAISE(ABORT, 'journal_attestation is append-only'); END;
-- +goose StatementEnd
