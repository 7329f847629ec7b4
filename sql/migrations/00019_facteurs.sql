-- What agents prove themselves with here, sealed under their own key. A state
-- changes with an entry of its own (journal_id); nothing personal stands clear.

-- +goose Up

-- Passkeys. id is the head of the public key's SHA-256, which the enrolment's
-- entry names; credential is a keyed hash of the authenticator's own identifier;
-- sealed: that identifier, the public key, the agent's word for it. sign_count only
-- grows.
CREATE TABLE cle_acces (
  id         TEXT PRIMARY KEY,
  aidant_id  TEXT NOT NULL REFERENCES aidant (id),
  credential TEXT NOT NULL UNIQUE,
  sealed     BYTEA NOT NULL,
  sign_count BIGINT NOT NULL,
  backed_up  SMALLINT NOT NULL,
  created_at TIMESTAMPTZ NOT NULL,
  used_at    TIMESTAMPTZ,
  cloned_at  TIMESTAMPTZ,
  journal_id BIGINT NOT NULL REFERENCES journal (id)
);
CREATE INDEX cle_acces_aidant ON cle_acces (aidant_id);

-- The application's code. sealed: its secret, and the pass phrase's Argon2id hash.
-- last_step only grows: a step at or below it is worth nothing.
CREATE TABLE code_application (
  aidant_id  TEXT PRIMARY KEY REFERENCES aidant (id),
  sealed     BYTEA NOT NULL,
  last_step  BIGINT NOT NULL,
  created_at TIMESTAMPTZ NOT NULL,
  used_at    TIMESTAMPTZ,
  journal_id BIGINT NOT NULL REFERENCES journal (id)
);

-- Recovery codes, by the SHA-256 of agent and code (80 random bits).
CREATE TABLE code_secours (
  hash       TEXT PRIMARY KEY,
  aidant_id  TEXT NOT NULL REFERENCES aidant (id),
  used_at    TIMESTAMPTZ,
  journal_id BIGINT NOT NULL REFERENCES journal (id)
);
CREATE INDEX code_secours_aidant ON code_secours (aidant_id);

-- What an agent is told on their account's page of changes to their factors.
CREATE TABLE avis_facteur (
  aidant_id  TEXT NOT NULL REFERENCES aidant (id),
  journal_id BIGINT NOT NULL REFERENCES journal (id),
  what       TEXT NOT NULL,
  at         TIMESTAMPTZ NOT NULL,
  PRIMARY KEY (aidant_id, journal_id)
);

-- A passkey's enrolment, found by its id when a signature of it is verified.
CREATE INDEX journal_facteur ON journal (object_id, id) WHERE action = 'facteur.enroll';
