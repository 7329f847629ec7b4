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
CREATE FUNCTION relais_revue() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF EXISTS (SELECT 1 FROM journal WHERE id = NEW.journal_id AND action = 'revue.open' AND object_id = NEW.id) THEN
      RETURN NEW;
    END IF;
  ELSIF OLD.closed_at IS NULL AND NEW.journal_id > OLD.journal_id
     AND NEW.id = OLD.id AND NEW.auditeur_id = OLD.auditeur_id AND NEW.mission_id = OLD.mission_id AND NEW.criteria = OLD.criteria
     AND NEW.seed = OLD.seed AND NEW.size = OLD.size AND NEW.n = OLD.n AND NEW.opened_at = OLD.opened_at AND NEW.opened_id = OLD.opened_id
     AND EXISTS (SELECT 1 FROM journal WHERE id = NEW.journal_id AND object_type = 'revue' AND object_id = NEW.id) THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'revue changes with a new journal entry only, and never once closed' USING ERRCODE = 'integrity_constraint_violation';
END $$;
-- +goose StatementEnd

CREATE TRIGGER revue_write BEFORE INSERT OR UPDATE ON revue FOR EACH ROW EXECUTE FUNCTION relais_revue();
CREATE TRIGGER revue_delete BEFORE DELETE ON revue FOR EACH ROW EXECUTE FUNCTION relais_refuse();
CREATE TRIGGER revue_truncate BEFORE TRUNCATE ON revue FOR EACH STATEMENT EXECUTE FUNCTION relais_refuse();

-- +goose StatementBegin
CREATE FUNCTION relais_revue_entree() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW.mark = '' AND EXISTS (SELECT 1 FROM revue WHERE id = NEW.revue_id AND rev = 1 AND opened_id = NEW.journal_id) THEN
      RETURN NEW;
    END IF;
  ELSIF NEW.journal_id > OLD.journal_id AND NEW.revue_id = OLD.revue_id AND NEW.idx = OLD.idx
     AND NOT EXISTS (SELECT 1 FROM revue WHERE id = OLD.revue_id AND closed_at IS NOT NULL)
     AND EXISTS (SELECT 1 FROM journal WHERE id = NEW.journal_id AND action = 'revue.annotate' AND object_id = NEW.revue_id) THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'a mark changes with a new journal entry only, and never once the revue is closed' USING ERRCODE = 'integrity_constraint_violation';
END $$;
-- +goose StatementEnd

CREATE TRIGGER revue_entree_write BEFORE INSERT OR UPDATE ON revue_entree FOR EACH ROW EXECUTE FUNCTION relais_revue_entree();
CREATE TRIGGER revue_entree_delete BEFORE DELETE ON revue_entree FOR EACH ROW EXECUTE FUNCTION relais_refuse();
CREATE TRIGGER revue_entree_truncate BEFORE TRUNCATE ON revue_entree FOR EACH STATEMENT EXECUTE FUNCTION relais_refuse();

-- The entry of a search's end is named by the row before the row goes.
-- +goose StatementBegin
CREATE FUNCTION relais_recherche() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF EXISTS (SELECT 1 FROM journal WHERE id = NEW.journal_id AND action = 'recherche.save' AND object_id = NEW.id) THEN
      RETURN NEW;
    END IF;
  ELSIF TG_OP = 'UPDATE' THEN
    IF NEW.journal_id > OLD.journal_id AND NEW.id = OLD.id AND NEW.auditeur_id = OLD.auditeur_id
       AND EXISTS (SELECT 1 FROM journal WHERE id = NEW.journal_id AND object_type = 'recherche' AND object_id = NEW.id) THEN
      RETURN NEW;
    END IF;
  ELSIF EXISTS (SELECT 1 FROM journal WHERE id = OLD.journal_id AND action = 'recherche.delete') THEN
    RETURN OLD;
  END IF;
  RAISE EXCEPTION 'recherche changes with a new journal entry only' USING ERRCODE = 'integrity_constraint_violation';
END $$;
-- +goose StatementEnd

CREATE TRIGGER recherche_write BEFORE INSERT OR UPDATE OR DELETE ON recherche FOR EACH ROW EXECUTE FUNCTION relais_recherche();
CREATE TRIGGER recherche_truncate BEFORE TRUNCATE ON recherche FOR EACH STATEMENT EXECUTE FUNCTION relais_refuse();
