-- set: documents
-- What an import under way knows of its file: where each line stands, which document it is, and
-- what it waits for. Minted ids are kept here, so that an import that was interrupted goes on with
-- the same ones. Everything of an import goes when it is complete.

CREATE TABLE imports (
  id          INTEGER PRIMARY KEY,
  fingerprint TEXT    NOT NULL UNIQUE,                   -- of the file, the tenant and what was asked
  started_at  INTEGER NOT NULL
) STRICT;

-- `place` is the order of writing: the rank of the collection above 40 bits of line number, so that
-- collections which others refer to strongly come first.
CREATE TABLE import_lines (
  import_id  INTEGER NOT NULL,
  place      INTEGER NOT NULL,
  position   INTEGER NOT NULL,                           -- the first byte of the line in the file
  bytes      INTEGER NOT NULL,
  collection TEXT    NOT NULL,
  locale     TEXT    NOT NULL,
  parent     TEXT    NOT NULL,                           -- an id, a slug until it is looked up, '' is the top
  slug       TEXT,
  base       TEXT,                                       -- what a slug is derived from, where the line has none
  given_id   TEXT,                                       -- the line's own id
  root_id    TEXT    NOT NULL,                           -- the document that the line is of
  state      INTEGER NOT NULL,                           -- 0 staged, 1 waits, 2 failed, 3 written after it waited
  PRIMARY KEY (import_id, place)
) STRICT, WITHOUT ROWID;

CREATE INDEX import_lines_root  ON import_lines (import_id, root_id);
CREATE INDEX import_lines_slug  ON import_lines (import_id, collection, slug) WHERE slug IS NOT NULL;
CREATE INDEX import_lines_given ON import_lines (import_id, given_id) WHERE given_id <> root_id;
CREATE INDEX import_lines_state ON import_lines (import_id, state) WHERE state <> 0;

-- The documents that a line refers to strongly and that are not written yet.
CREATE TABLE import_waits (
  import_id INTEGER NOT NULL,
  target    TEXT    NOT NULL,
  place     INTEGER NOT NULL,
  PRIMARY KEY (import_id, target, place)
) STRICT, WITHOUT ROWID;

CREATE INDEX import_waits_place ON import_waits (import_id, place);
