-- Reviews and saved searches of auditeurs. What they wrote is sealed; the draw
-- (seed, size, criteria of opaque codes) stands clear, so that it can be redone.

-- +goose Up
CREATE TABLE revue (
  id          TEXT PRIMARY KEY,
  auditeur_id TEXT NOT NULL REFERENCES aidant (id),
  mission_id  TEXT NOT NULL,
  criteria    TEXT NOT NULL,
  seed        TEXT NOT NULL,
  size        BIGINT NOT NULL,
  n           BIGINT NOT NULL,
  opened_at   TIMESTAMPTZ NOT NULL,
  closed_at   TIMESTAMPTZ,
  closed_size BIGINT,
  closed_root BYTEA,
  sealed      BYTEA NOT NULL,
  rev         BIGINT NOT NULL,
  opened_id   BIGINT NOT NULL REFERENCES journal (id),
  journal_id  BIGINT NOT NULL REFERENCES journal (id)
);
CREATE INDEX revue_auditeur ON revue (auditeur_id, opened_at);
CREATE INDEX revue_closed ON revue (opened_at) WHERE closed_at IS NOT NULL;

-- idx is an entry's index in the tree. sealed: the note, once there is a mark.
CREATE TABLE revue_entree (
  revue_id   TEXT NOT NULL REFERENCES revue (id),
  idx        BIGINT NOT NULL,
  mark       TEXT NOT NULL,
  sealed     BYTEA,
  journal_id BIGINT NOT NULL REFERENCES journal (id),
  PRIMARY KEY (revue_id, idx)
);

-- sealed: the name.
CREATE TABLE recherche (
  id          TEXT PRIMARY KEY,
  auditeur_id TEXT NOT NULL REFERENCES aidant (id),
  criteria    TEXT NOT NULL,
  days        BIGINT NOT NULL,
  created_at  TIMESTAMPTZ NOT NULL,
  sealed      BYTEA NOT NULL,
  journal_id  BIGINT NOT NULL REFERENCES journal (id)
);
CREATE INDEX recherche_auditeur ON recherche (auditeur_id);

-- +goose StatementBegin
CREATE TRIGGER revue_insert BEFORE INSERT ON revue
WHEN EXISTS (SELECT 1 FROM revue WHERE id = NEW.id)
  OR NOT EXISTS (SELECT 1 FROM journal WHERE id = NEW.journal_id AND action = 'revue.open' AND object_id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'revue is opened with its journal entry only'); END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER revue_update BEFORE UPDATE ON revue
WHEN OLD.closed_at IS NOT NULL OR NEW.journal_id <= OLD.journal_id
  OR NEW.id <> OLD.id OR NEW.auditeur_id <> OLD.auditeur_id OR NEW.mission_id <> OLD.mission_id OR NEW.criteria <> OLD.criteria
  OR NEW.seed <> OLD.seed OR NEW.size <> OLD.size OR NEW.n <> OLD.n OR NEW.opened_at <> OLD.opened_at OR NEW.opened_id <> OLD.opened_id
  OR NOT EXISTS (SELECT 1 FROM journal WHERE id = NEW.journal_id AND object_type = 'revue' AND object_id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'revue changes with a new journal entry only, and never once closed'); END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER revue_delete BEFORE DELETE ON revue
BEGIN SELECT RAISE(ABORT, 'revue is never deleted'); END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER revue_entree_insert BEFORE INSERT ON revue_entree
WHEN NEW.mark <> '' OR EXISTS (SELECT 1 FROM revue_entree WHERE revue_id = NEW.revue_id AND idx = NEW.idx)
  OR NOT EXISTS (SELECT 1 FROM revue WHERE id = NEW.revue_id AND rev = 1 AND opened_id = NEW.journal_id)
BEGIN SELECT RAISE(ABORT, 'the sample is written with the opening entry only'); END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER revue_entree_update BEFORE UPDATE ON revue_entree
WHEN NEW.journal_id <= OLD.journal_id OR NEW.revue_id <> OLD.revue_id OR NEW.idx <> OLD.idx
  OR EXISTS (SELECT 1 FROM revue WHERE id = OLD.revue_id AND closed_at IS NOT NULL)
  OR NOT EXISTS (SELECT 1 FROM journal WHERE id = NEW.journal_id AND action = 'revue.annotate' AND object_id = NEW.revue_id)
BEGIN SELECT RAISE(ABORT, 'a mark changes with a new journal entry only, and never once the revue is closed'); END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER revue_entree_delete BEFORE DELETE ON revue_entree
BEGIN SELECT RAISE(ABORT, 'the sample is never deleted'); END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER recherche_insert BEFORE INSERT ON recherche
WHEN EXISTS (SELECT 1 FROM recherche WHERE id = NEW.id)
  OR NOT EXISTS (SELECT 1 FROM journal WHERE id = NEW.journal_id AND action = 'recherche.save' AND object_id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'recherche is saved with its journal entry only'); END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER recherche_update BEFORE UPDATE ON recherche
WHEN NEW.journal_id <= OLD.journal_id OR NEW.id <> OLD.id OR NEW.auditeur_id <> OLD.auditeur_id
  OR NOT EXISTS (SELECT 1 FROM journal WHERE id = NEW.journal_id AND object_type = 'recherche' AND object_id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'recherche changes with a new journal entry only'); END;
-- +goose StatementEnd

-- The entry of its end is named by the row before the row goes.
-- +goose StatementBegin
CREATE TRIGGER recherche_delete BEFORE DELETE ON recherche
WHEN NOT EXISTS (SELECT 1 FROM journal WHERE id = OLD.journal_id AND action = 'recherche.delete')
BEGIN SELECT RAISE(ABORT, 'recherche is deleted with its journal entry only'); END;
-- +goose StatementEnd
