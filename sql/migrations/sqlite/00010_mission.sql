-- An auditeur's missions and the identities revealed under them. sealed holds
-- what people wrote (purpose and reference, reason) and the salts, under the
-- auditeur's key. journal_id is the last entry that changed the row.

-- +goose Up
CREATE TABLE mission (
  id          TEXT PRIMARY KEY,
  auditeur_id TEXT NOT NULL REFERENCES aidant (id),
  structure   TEXT NOT NULL,
  departement TEXT NOT NULL,
  from_at     TIMESTAMPTZ NOT NULL,
  to_at       TIMESTAMPTZ NOT NULL,
  opened_by   TEXT NOT NULL,
  opened_at   TIMESTAMPTZ NOT NULL,
  ended_at    TIMESTAMPTZ,
  end_reason  TEXT NOT NULL,
  rev         BIGINT NOT NULL,
  sealed      BYTEA NOT NULL,
  journal_id  BIGINT NOT NULL REFERENCES journal (id)
);
CREATE INDEX mission_auditeur ON mission (auditeur_id, to_at);

CREATE TABLE revelation (
  id              TEXT PRIMARY KEY,
  mission_id      TEXT NOT NULL REFERENCES mission (id),
  kind            TEXT NOT NULL,
  aidant_id       TEXT NOT NULL,
  mandat_id       TEXT NOT NULL,
  organisation_id TEXT NOT NULL,
  entry           BIGINT NOT NULL,
  at              TIMESTAMPTZ NOT NULL,
  sealed          BYTEA NOT NULL,
  journal_id      BIGINT NOT NULL REFERENCES journal (id)
);
CREATE INDEX revelation_mission ON revelation (mission_id, at);
CREATE INDEX revelation_structure ON revelation (organisation_id, at);
CREATE INDEX revelation_at ON revelation (at);

-- A mission changes with an entry of its own, and only in its end and its version;
-- a revelation never changes.

-- +goose StatementBegin
CREATE TRIGGER mission_insert BEFORE INSERT ON mission
WHEN EXISTS (SELECT 1 FROM mission WHERE id = NEW.id)
  OR NOT EXISTS (SELECT 1 FROM journal WHERE id = NEW.journal_id AND action = 'mission.open' AND object_id = NEW.id AND outcome = 'ok')
BEGIN SELECT RAISE(ABORT, 'mission opens with its journal entry only'); END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER mission_update BEFORE UPDATE ON mission
WHEN NEW.id <> OLD.id OR NEW.auditeur_id <> OLD.auditeur_id OR NEW.structure <> OLD.structure OR NEW.departement <> OLD.departement
  OR NEW.from_at <> OLD.from_at OR NEW.to_at <> OLD.to_at OR NEW.opened_by <> OLD.opened_by OR NEW.opened_at <> OLD.opened_at
  OR NEW.sealed <> OLD.sealed OR OLD.ended_at IS NOT NULL OR NEW.rev <> OLD.rev + 1 OR NEW.journal_id = OLD.journal_id
  OR NOT EXISTS (SELECT 1 FROM journal WHERE id = NEW.journal_id AND object_type = 'mission' AND object_id = NEW.id AND outcome = 'ok')
BEGIN SELECT RAISE(ABORT, 'mission changes with a new journal entry only'); END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER mission_delete BEFORE DELETE ON mission
BEGIN SELECT RAISE(ABORT, 'mission is never deleted'); END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER revelation_insert BEFORE INSERT ON revelation
WHEN EXISTS (SELECT 1 FROM revelation WHERE id = NEW.id)
  OR NOT EXISTS (SELECT 1 FROM journal WHERE id = NEW.journal_id AND action = 'mission.reveal' AND object_id = NEW.mission_id AND outcome = 'ok')
BEGIN SELECT RAISE(ABORT, 'revelation comes with its journal entry only'); END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER revelation_update BEFORE UPDATE ON revelation
BEGIN SELECT RAISE(ABORT, 'revelation never changes'); END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER revelation_delete BEFORE DELETE ON revelation
BEGIN SELECT RAISE(ABORT, 'revelation is never deleted'); END;
-- +goose StatementEnd
