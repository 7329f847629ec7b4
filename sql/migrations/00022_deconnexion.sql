-- What ends sessions from elsewhere, and says that one began somewhere new.

-- +goose Up

-- idp_sub and idp_sid are keyed hashes of whom and of which session the identity
-- provider named at the login, for its back-channel logout; '' without. appareil
-- is the browser, notice the new one that the agent has yet to be told of; '' none.
ALTER TABLE session ADD COLUMN idp_sub TEXT NOT NULL DEFAULT '';
ALTER TABLE session ADD COLUMN idp_sid TEXT NOT NULL DEFAULT '';
ALTER TABLE session ADD COLUMN appareil TEXT NOT NULL DEFAULT '';
ALTER TABLE session ADD COLUMN notice TEXT NOT NULL DEFAULT '';
CREATE INDEX session_idp_sub ON session (idp_sub);
CREATE INDEX session_idp_sid ON session (idp_sid);
CREATE INDEX session_organisation ON session (organisation_id);

-- A browser in which an agent signed in. id is a keyed hash of the agent and of
-- the random word in that browser's cookie: two agents on one machine share
-- nothing here. told_at: the agent has seen that it was new, elsewhere;
-- disowned_at: they said that it was not them.
CREATE TABLE appareil (
  id          TEXT PRIMARY KEY,
  aidant_id   TEXT NOT NULL REFERENCES aidant (id),
  device      TEXT NOT NULL,
  first_at    TIMESTAMPTZ NOT NULL,
  seen_at     TIMESTAMPTZ NOT NULL,
  told_at     TIMESTAMPTZ,
  disowned_at TIMESTAMPTZ
);
CREATE INDEX appareil_aidant ON appareil (aidant_id, seen_at);
