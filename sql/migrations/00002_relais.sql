-- The house's tables, alike on both engines: text identifiers, TIMESTAMPTZ
-- (fixed-width RFC 3339 text in SQLite), BYTEA for sealed bytes, no booleans.
-- Nothing personal stands clear in any of them.

-- +goose Up

-- One wrapped key per subject: 'usager:'id, 'aidant:'id, 'brouillon:'id.
-- Deleting the row makes everything sealed under the key unreadable.
CREATE TABLE coffre_key (
  subject TEXT PRIMARY KEY,
  wrapped BYTEA NOT NULL
);

CREATE TABLE organisation (
  id         TEXT PRIMARY KEY,
  name       TEXT NOT NULL,
  siret      TEXT NOT NULL,
  address    TEXT NOT NULL,
  postcode   TEXT NOT NULL,
  city       TEXT NOT NULL,
  telephone  TEXT NOT NULL,
  timezone   TEXT NOT NULL,
  domaines   TEXT NOT NULL,
  suspended  SMALLINT NOT NULL,
  journal_id BIGINT NOT NULL REFERENCES journal (id)
);

-- sealed: names, e-mail and sub. The tokens are keyed hashes of sub and e-mail.
CREATE TABLE aidant (
  id              TEXT PRIMARY KEY,
  organisation_id TEXT NOT NULL REFERENCES organisation (id),
  sub_token       TEXT UNIQUE,
  email_token     TEXT NOT NULL UNIQUE,
  siret           TEXT NOT NULL,
  roles           TEXT NOT NULL,
  suspended_at    TIMESTAMPTZ,
  sealed          BYTEA NOT NULL,
  journal_id      BIGINT NOT NULL REFERENCES journal (id)
);
CREATE INDEX aidant_organisation ON aidant (organisation_id);

CREATE TABLE session (
  ref             TEXT PRIMARY KEY,
  aidant_id       TEXT NOT NULL REFERENCES aidant (id),
  organisation_id TEXT NOT NULL REFERENCES organisation (id),
  created_at      TIMESTAMPTZ NOT NULL,
  seen_at         TIMESTAMPTZ NOT NULL,
  auth_at         TIMESTAMPTZ,
  auth            TEXT NOT NULL,
  device          TEXT NOT NULL,
  entrusted       TEXT NOT NULL,
  data            BYTEA
);
CREATE INDEX session_aidant ON session (aidant_id);

-- sealed: identité pivot, sub, e-mail, telephone, under the usager's own key.
CREATE TABLE usager (
  id        TEXT PRIMARY KEY,
  sub_token TEXT NOT NULL UNIQUE,
  sealed    BYTEA NOT NULL
);

-- Keyed hashes of folded words, three-letter prefixes and birth dates.
CREATE TABLE usager_index (
  token     TEXT NOT NULL,
  usager_id TEXT NOT NULL REFERENCES usager (id),
  PRIMARY KEY (token, usager_id)
);
CREATE INDEX usager_index_usager ON usager_index (usager_id);

CREATE TABLE mandat (
  id              TEXT PRIMARY KEY,
  number          TEXT NOT NULL UNIQUE,
  organisation_id TEXT NOT NULL REFERENCES organisation (id),
  usager_id       TEXT REFERENCES usager (id),
  created_by      TEXT NOT NULL,
  created_at      TIMESTAMPTZ NOT NULL,
  state           TEXT NOT NULL,
  aidants         TEXT NOT NULL,
  colleagues      SMALLINT NOT NULL,
  duration_days   BIGINT NOT NULL,
  last_day        TIMESTAMPTZ,
  ends_at         TIMESTAMPTZ NOT NULL,
  replaces        TEXT NOT NULL,
  entrusted_at    TIMESTAMPTZ,
  identified_at   TIMESTAMPTZ,
  confirmed_at    TIMESTAMPTZ,
  email_safe      SMALLINT NOT NULL,
  given_at        TIMESTAMPTZ,
  declined_at     TIMESTAMPTZ,
  taken_back_at   TIMESTAMPTZ,
  signed_at       TIMESTAMPTZ,
  accepted_by     TEXT NOT NULL,
  ended_at        TIMESTAMPTZ,
  end_reason      TEXT NOT NULL,
  rev             BIGINT NOT NULL,
  journal_id      BIGINT NOT NULL REFERENCES journal (id)
);
CREATE INDEX mandat_list ON mandat (organisation_id, created_at, id);
CREATE INDEX mandat_usager ON mandat (usager_id, organisation_id);
CREATE INDEX mandat_state ON mandat (state, ends_at);

-- usager_id is NULL until the mandat is signed.
CREATE TABLE autorisation (
  mandat_id       TEXT NOT NULL REFERENCES mandat (id),
  domaine         TEXT NOT NULL,
  position        SMALLINT NOT NULL,
  demarches       TEXT NOT NULL,
  organisation_id TEXT NOT NULL,
  usager_id       TEXT,
  ended_at        TIMESTAMPTZ,
  end_reason      TEXT NOT NULL,
  journal_id      BIGINT NOT NULL REFERENCES journal (id),
  PRIMARY KEY (mandat_id, domaine)
);
-- One active autorisation per structure, usager and domaine.
CREATE UNIQUE INDEX autorisation_active ON autorisation (organisation_id, usager_id, domaine)
  WHERE ended_at IS NULL AND usager_id IS NOT NULL;

-- What a draft holds, sealed under the draft's key and gone with it.
CREATE TABLE brouillon (
  mandat_id TEXT PRIMARY KEY REFERENCES mandat (id),
  texte     BYTEA NOT NULL,
  dossier   BYTEA
);

-- The evidence of a signed mandat, sealed under the usager's key.
CREATE TABLE dossier (
  mandat_id TEXT PRIMARY KEY REFERENCES mandat (id),
  usager_id TEXT NOT NULL REFERENCES usager (id),
  sealed    BYTEA NOT NULL
);

CREATE TABLE delegation (
  id               TEXT PRIMARY KEY,
  client_id        TEXT NOT NULL,
  mandat_id        TEXT NOT NULL REFERENCES mandat (id),
  domaine          TEXT NOT NULL,
  usager_id        TEXT NOT NULL REFERENCES usager (id),
  aidant_id        TEXT NOT NULL REFERENCES aidant (id),
  organisation_id  TEXT NOT NULL REFERENCES organisation (id),
  session_ref      TEXT NOT NULL,
  chosen_at        TIMESTAMPTZ NOT NULL,
  code_hash        TEXT NOT NULL UNIQUE,
  code_expires_at  TIMESTAMPTZ NOT NULL,
  consumed_at      TIMESTAMPTZ,
  token_hash       TEXT UNIQUE,
  token_expires_at TIMESTAMPTZ,
  revoked_at       TIMESTAMPTZ,
  ended_at         TIMESTAMPTZ,
  protocol         BYTEA,
  journal_id       BIGINT NOT NULL REFERENCES journal (id)
);
CREATE INDEX delegation_mandat ON delegation (mandat_id);
-- The latest open use of an aidant, and one for another usager, without a walk.
CREATE INDEX delegation_open ON delegation (aidant_id, chosen_at, id) WHERE ended_at IS NULL;
CREATE INDEX delegation_usager ON delegation (aidant_id, usager_id) WHERE ended_at IS NULL;
