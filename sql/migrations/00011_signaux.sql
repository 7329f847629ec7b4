-- What two followers derive from numbered entries: signals worth a second look,
-- and the counts that charts are drawn from. Both can always be made again from
-- the journal; no rule ever changes anything else.

-- +goose Up

-- When a structure is open, as "lu-ve 08:30-18:00"; '' for the usual hours.
ALTER TABLE organisation ADD COLUMN opening TEXT NOT NULL DEFAULT '';

-- Signatures accepted and uses that succeeded, so that a rule looks back without
-- a walk through the journal.
CREATE TABLE signal_fait (
  idx             BIGINT PRIMARY KEY,
  at              TIMESTAMPTZ NOT NULL,
  action          TEXT NOT NULL,
  mandat_id       TEXT NOT NULL,
  aidant_id       TEXT NOT NULL,
  organisation_id TEXT NOT NULL,
  usager_id       TEXT
);
CREATE INDEX signal_fait_aidant ON signal_fait (aidant_id, action, idx);
CREATE INDEX signal_fait_mandat ON signal_fait (mandat_id, action, idx);
CREATE INDEX signal_fait_usager ON signal_fait (usager_id, organisation_id, action, idx);

CREATE TABLE signal (
  rule            TEXT NOT NULL,
  idx             BIGINT NOT NULL,
  at              TIMESTAMPTZ NOT NULL,
  mandat_id       TEXT NOT NULL,
  aidant_ref      TEXT NOT NULL,
  organisation_id TEXT NOT NULL,
  departement     TEXT NOT NULL,
  PRIMARY KEY (idx, rule)
);
-- One index a way of asking, each in the order of the page.
CREATE INDEX signal_at ON signal (at, idx, rule);
CREATE INDEX signal_rule ON signal (rule, at, idx);
CREATE INDEX signal_organisation ON signal (organisation_id, at, idx, rule);
CREATE INDEX signal_organisation_rule ON signal (organisation_id, rule, at, idx);
CREATE INDEX signal_departement ON signal (departement, at, idx, rule);
CREATE INDEX signal_departement_rule ON signal (departement, rule, at, idx);
CREATE INDEX signal_mandat ON signal (mandat_id, rule);

-- Entries counted by day, at the structure's hour. Each entry counts three times:
-- portee is '' for all, 'd:' and a département, 's:' and a structure.
CREATE TABLE journal_releve (
  portee  TEXT NOT NULL,
  day     TEXT NOT NULL,
  action  TEXT NOT NULL,
  outcome TEXT NOT NULL,
  domaine TEXT NOT NULL,
  n       BIGINT NOT NULL,
  PRIMARY KEY (portee, day, action, outcome, domaine)
);
