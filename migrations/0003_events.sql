-- The event log, the generations of collections, and the guards of batches. Usable alone.

-- AUTOINCREMENT: a position is never given twice, not even after the log was pruned.
CREATE TABLE events (
  seq        INTEGER PRIMARY KEY AUTOINCREMENT,
  op_id      TEXT    NOT NULL UNIQUE,                    -- the write's, to look its outcome up by
  at         INTEGER NOT NULL,                           -- milliseconds UTC
  tenant_id  TEXT    NOT NULL,
  collection TEXT    NOT NULL,
  document   TEXT,                                       -- a root id
  version    INTEGER,
  kind       TEXT    NOT NULL,
  actor      TEXT,
  data       TEXT                                        -- JSON of changed field paths; never content
) STRICT;

-- One row a tenant and collection, never pruned. `seq` moves on every write; `public_seq` and
-- `stamp` only when something that the public may see can have changed.
CREATE TABLE generations (
  tenant_id  TEXT    NOT NULL,
  collection TEXT    NOT NULL,
  seq        INTEGER NOT NULL,
  public_seq INTEGER NOT NULL,
  stamp      TEXT    NOT NULL,                           -- 64 random bits, as 16 hexadecimal digits
  PRIMARY KEY (tenant_id, collection)
) STRICT, WITHOUT ROWID;

-- Always empty. A guard is an INSERT … SELECT that yields a row when its batch must not be; the
-- name of the violated CHECK says why.
CREATE TABLE guards (
  kind TEXT NOT NULL,
  CONSTRAINT stratus_stale_revision    CHECK (kind <> 'stale_revision'),
  CONSTRAINT stratus_stale_append      CHECK (kind <> 'stale_append'),
  CONSTRAINT stratus_missing_reference CHECK (kind <> 'missing_reference'),
  CONSTRAINT stratus_referenced        CHECK (kind <> 'referenced'),
  CONSTRAINT stratus_missing_parent    CHECK (kind <> 'missing_parent')
) STRICT;
