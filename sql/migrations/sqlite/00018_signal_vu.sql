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
CREATE TRIGGER signal_vu_insert BEFORE INSERT ON signal_vu
WHEN EXISTS (SELECT 1 FROM signal_vu WHERE idx = NEW.idx AND rule = NEW.rule)
  OR NOT EXISTS (SELECT 1 FROM journal WHERE id = NEW.journal_id AND action = 'signal.see' AND object_id = NEW.idx || '.' || NEW.rule)
BEGIN SELECT RAISE(ABORT, 'a signal is marked once, with its journal entry'); END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER signal_vu_update BEFORE UPDATE ON signal_vu
WHEN NEW.idx <> OLD.idx OR NEW.rule <> OLD.rule OR NEW.mandat_id <> OLD.mandat_id OR NEW.auditeur_id <> OLD.auditeur_id
  OR NEW.at <> OLD.at OR NEW.journal_id <> OLD.journal_id OR NEW.sealed IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'a mark only loses its note'); END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER signal_vu_delete BEFORE DELETE ON signal_vu
BEGIN SELECT RAISE(ABORT, 'a mark is never deleted'); END;
-- +goose StatementEnd
