-- set: documents
-- Writes under an `Idempotency-Key`, with their answers, for as long as a client may ask again; and
-- what the writes of several documents at once are tried out with.

CREATE TABLE idempotency_keys (
  id          INTEGER PRIMARY KEY,
  tenant_id   TEXT    NOT NULL,
  principal   TEXT    NOT NULL,                          -- the actor's
  key         TEXT    NOT NULL,
  request     TEXT    NOT NULL,                          -- SHA-256 of what was asked
  op_id       TEXT    NOT NULL,                          -- of the write's last event, if it wrote one
  definitions TEXT    NOT NULL,                          -- the fingerprint that the body was made under
  status      INTEGER NOT NULL,
  headers     TEXT    NOT NULL,                          -- JSON
  body        TEXT,                                      -- NULL if it was too large, or is to be forgotten
  slugs       TEXT,                                      -- JSON of those that the write found, by version row
  created_at  INTEGER NOT NULL,
  expires_at  INTEGER NOT NULL,
  CONSTRAINT stratus_idempotency_key UNIQUE (tenant_id, principal, key)
) STRICT;

CREATE INDEX idempotency_keys_expiry ON idempotency_keys (expires_at);

-- Of which documents the bodies tell, so that they go when these are erased.
CREATE TABLE idempotency_documents (
  root_id TEXT    NOT NULL,
  key_id  INTEGER NOT NULL REFERENCES idempotency_keys (id) ON DELETE CASCADE,
  PRIMARY KEY (root_id, key_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX idempotency_documents_key ON idempotency_documents (key_id);

-- Always empty. A batch that ends with an insert here is never committed: that it gets so far tells
-- that nothing before refuses it.
CREATE TABLE rehearsals (
  passed INTEGER NOT NULL,
  CONSTRAINT stratus_rehearsal CHECK (passed = 0)
) STRICT;
