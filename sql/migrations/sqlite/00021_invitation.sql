-- Codes by which agents enrol factors of their own, and the requests to remove
-- those they have. code_token is a keyed hash. sealed: what the asker wrote, under
-- the agent's key. A code is used, or ended, once, and one is open for an agent.

-- +goose Up
CREATE TABLE invitation (
  id         TEXT PRIMARY KEY,
  aidant_id  TEXT NOT NULL REFERENCES aidant (id),
  kind       TEXT NOT NULL,
  reset_id   TEXT NOT NULL,
  code_token TEXT NOT NULL UNIQUE,
  created_by TEXT NOT NULL,
  created_at TIMESTAMPTZ NOT NULL,
  expires_at TIMESTAMPTZ NOT NULL,
  used_at    TIMESTAMPTZ,
  ended_at   TIMESTAMPTZ,
  end_reason TEXT NOT NULL,
  journal_id BIGINT NOT NULL REFERENCES journal (id)
);
CREATE UNIQUE INDEX invitation_open ON invitation (aidant_id) WHERE used_at IS NULL AND ended_at IS NULL;

CREATE TABLE reinitialisation (
  id              TEXT PRIMARY KEY,
  aidant_id       TEXT NOT NULL REFERENCES aidant (id),
  organisation_id TEXT NOT NULL REFERENCES organisation (id),
  asked_by        TEXT NOT NULL REFERENCES aidant (id),
  asked_at        TIMESTAMPTZ NOT NULL,
  expires_at      TIMESTAMPTZ NOT NULL,
  approved_by     TEXT NOT NULL,
  approved_at     TIMESTAMPTZ,
  ended_by        TEXT NOT NULL,
  ended_at        TIMESTAMPTZ,
  outcome         TEXT NOT NULL,
  rev             BIGINT NOT NULL,
  sealed          BYTEA NOT NULL,
  journal_id      BIGINT NOT NULL REFERENCES journal (id),
  CHECK (asked_by <> aidant_id AND approved_by <> aidant_id AND approved_by <> asked_by)
);
CREATE UNIQUE INDEX reinitialisation_open ON reinitialisation (aidant_id) WHERE ended_at IS NULL;
CREATE INDEX reinitialisation_recent ON reinitialisation (asked_at);

-- +goose StatementBegin
CREATE TRIGGER invitation_insert BEFORE INSERT ON invitation WHEN EXISTS (SELECT 1 FROM invitation WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'invitation exists'); END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER invitation_update BEFORE UPDATE ON invitation
WHEN NEW.id <> OLD.id OR NEW.aidant_id <> OLD.aidant_id OR NEW.kind <> OLD.kind OR NEW.reset_id <> OLD.reset_id OR NEW.code_token <> OLD.code_token OR NEW.created_by <> OLD.created_by OR NEW.created_at <> OLD.created_at OR NEW.expires_at <> OLD.expires_at
  OR NEW.journal_id <= OLD.journal_id OR OLD.used_at IS NOT NULL OR OLD.ended_at IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'invitation changes once and with a new journal entry only'); END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER invitation_delete BEFORE DELETE ON invitation
BEGIN SELECT RAISE(ABORT, 'invitation is never deleted'); END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER reinitialisation_insert BEFORE INSERT ON reinitialisation WHEN EXISTS (SELECT 1 FROM reinitialisation WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'reinitialisation exists'); END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER reinitialisation_update BEFORE UPDATE ON reinitialisation
WHEN NEW.id <> OLD.id OR NEW.aidant_id <> OLD.aidant_id OR NEW.organisation_id <> OLD.organisation_id OR NEW.asked_by <> OLD.asked_by OR NEW.asked_at <> OLD.asked_at OR NEW.expires_at <> OLD.expires_at OR NEW.sealed <> OLD.sealed
  OR NEW.journal_id <= OLD.journal_id OR OLD.ended_at IS NOT NULL OR NEW.rev <> OLD.rev + 1 OR (OLD.approved_by <> '' AND NEW.approved_by <> OLD.approved_by)
BEGIN SELECT RAISE(ABORT, 'reinitialisation changes once and with a new journal entry only'); END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER reinitialisation_delete BEFORE DELETE ON reinitialisation
BEGIN SELECT RAISE(ABORT, 'reinitialisation is never deleted'); END;
-- +goose StatementEnd
