-- The journal: one RFC 6962 tree. id is the leaf's index: 0, 1, 2… without gap.

-- +goose Up
CREATE TABLE journal (
  id          INTEGER PRIMARY KEY CHECK (id >= 0),
  entry_id    TEXT NOT NULL,
  ts          TIMESTAMPTZ NOT NULL,
  actor_type  TEXT NOT NULL,
  actor_ref   TEXT NOT NULL,
  action      TEXT NOT NULL,
  object_type TEXT NOT NULL,
  object_id   TEXT NOT NULL,
  mandat_id   TEXT NOT NULL,
  stream_seq  BIGINT NOT NULL,
  outcome     TEXT NOT NULL,
  body        BYTEA NOT NULL,
  leaf        BYTEA NOT NULL CHECK (length(leaf) = 32)
);
CREATE UNIQUE INDEX journal_stream ON journal (mandat_id, stream_seq) WHERE mandat_id <> '';
CREATE INDEX journal_ts ON journal (ts);
CREATE INDEX journal_actor ON journal (actor_ref, id);
CREATE INDEX journal_action ON journal (action, id);
CREATE INDEX journal_outcome ON journal (outcome, id) WHERE outcome <> 'ok';

-- Roots of full tiles only: one row in 256 entries.
CREATE TABLE journal_node (
  idx INTEGER PRIMARY KEY CHECK (idx >= 0),
  h   BYTEA NOT NULL CHECK (length(h) = 32)
);

-- edge: the roots of the perfect subtrees, enough to go on from one SELECT.
-- cur_xid, cur_id, cluster_id wait for PostgreSQL's sequencer.
CREATE TABLE journal_head (
  one        INTEGER PRIMARY KEY CHECK (one = 1),
  size       BIGINT NOT NULL,
  root       BYTEA NOT NULL,
  edge       BYTEA NOT NULL,
  cur_xid    TEXT,
  cur_id     BIGINT,
  cluster_id TEXT
);
INSERT INTO journal_head (one, size, root, edge)
VALUES (1, 0, X'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855', X'');

CREATE TABLE journal_checkpoint (
  size       INTEGER PRIMARY KEY,
  note       BYTEA NOT NULL,
  cosigs     BYTEA,
  tsr        BYTEA,
  created_at TIMESTAMPTZ NOT NULL
);

-- Erasable: what an entry commits to, encrypted. Not part of the tree.
CREATE TABLE journal_pii (
  entry_id   BIGINT NOT NULL,
  subject_id TEXT NOT NULL,
  key        BYTEA NOT NULL,
  nonce      BYTEA NOT NULL,
  ct         BYTEA NOT NULL,
  PRIMARY KEY (entry_id, subject_id)
);
