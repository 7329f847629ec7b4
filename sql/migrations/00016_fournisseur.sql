-- What the instances of the provider share: proofs of clients already used,
-- pushed authorization requests, and the signing keys.

-- +goose Up

-- A client's assertion or DPoP proof, by the SHA-256 of client and jti.
CREATE TABLE preuve_vue (
  id         TEXT PRIMARY KEY,
  expires_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX preuve_vue_expires ON preuve_vue (expires_at);

-- RFC 9126, by the SHA-256 of the request_uri; the request is sealed.
CREATE TABLE demande_poussee (
  id         TEXT PRIMARY KEY,
  client_id  TEXT NOT NULL,
  request    TEXT NOT NULL,
  expires_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX demande_poussee_expires ON demande_poussee (expires_at);

-- Signing keys, private, sealed under the vault's key of 'fournisseur'. One signs
-- from signs_at until a newer one does, and is published until retires_at.
CREATE TABLE cle_fournisseur (
  kid        TEXT PRIMARY KEY,
  alg        TEXT NOT NULL,
  sealed     BYTEA NOT NULL,
  signs_at   TIMESTAMPTZ NOT NULL,
  retires_at TIMESTAMPTZ,
  journal_id BIGINT NOT NULL REFERENCES journal (id)
);
