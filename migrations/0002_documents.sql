-- The document model: types, version rows, derived rows, permissions, settings.
-- Needs 0003_events.sql beside it: every write of a document also writes the log and the generations.

CREATE TABLE document_types (
  id             TEXT    NOT NULL PRIMARY KEY,           -- the collection's name
  display_name   TEXT    NOT NULL,
  description    TEXT,
  schema         TEXT    NOT NULL,                       -- the definition, as JSON
  source         TEXT    NOT NULL DEFAULT 'code' CHECK (source IN ('code', 'plugin', 'system')),
  schema_version INTEGER NOT NULL,                       -- the fingerprint that documents.type_version repeats
  is_active      INTEGER NOT NULL DEFAULT 1 CHECK (is_active IN (0, 1)),
  created_at     INTEGER NOT NULL,
  updated_at     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- One row a version. `id` is the version's, `root_id` the document's; `pk` is what derived rows
-- point at, because they are many and an id of 36 bytes in each of them and of their indexes is not
-- small. It never leaves the database.
--
-- Not STRICT: generated columns (q_*) are evaluated on the rows of every collection, and two
-- collections may give one path two types; STRICT would refuse the rows of the other.
CREATE TABLE documents (
  pk                   INTEGER PRIMARY KEY,
  id                   TEXT    NOT NULL UNIQUE,
  root_id              TEXT    NOT NULL,
  type_id              TEXT    NOT NULL REFERENCES document_types (id),
  tenant_id            TEXT    NOT NULL,
  locale               TEXT    NOT NULL DEFAULT 'default',
  parent_root_id       TEXT    NOT NULL DEFAULT '',      -- '' is the top
  is_current_draft     INTEGER NOT NULL CHECK (is_current_draft IN (0, 1)),
  is_published         INTEGER NOT NULL CHECK (is_published IN (0, 1)),
  type_version         INTEGER NOT NULL,                 -- the definition that `data` was written under
  version_number       INTEGER NOT NULL,                 -- counts contents
  revision             INTEGER NOT NULL,                 -- counts accepted writes of the root
  slug                 TEXT,
  published_at         INTEGER,
  scheduled_at         INTEGER,                          -- not visible before
  expires_at           INTEGER,                          -- not visible from then on
  deleted_at           INTEGER,
  created_at           INTEGER NOT NULL,                 -- the root's
  updated_at           INTEGER NOT NULL,
  sort_order           INTEGER NOT NULL DEFAULT 0,
  translation_group_id TEXT    NOT NULL DEFAULT '',
  owner_id             TEXT,
  created_by           TEXT,
  updated_by           TEXT,
  data_private         TEXT    NOT NULL DEFAULT '{}',    -- never leaves the server
  data                 TEXT    NOT NULL                  -- what may leave the server, as it leaves it
);

CREATE UNIQUE INDEX documents_version   ON documents (root_id, version_number);
CREATE UNIQUE INDEX documents_head      ON documents (root_id) WHERE is_current_draft = 1;
CREATE UNIQUE INDEX documents_published ON documents (root_id) WHERE is_published = 1;

-- Facets and references exist for the head and the public row only.
CREATE TABLE document_facets (
  document_id  INTEGER NOT NULL REFERENCES documents (pk) ON DELETE CASCADE,
  field_name   TEXT    NOT NULL,
  ordinal      INTEGER NOT NULL,
  tenant_id    TEXT    NOT NULL,
  type_id      TEXT    NOT NULL,
  value_text   TEXT,
  value_number REAL,
  PRIMARY KEY (document_id, field_name, ordinal)
) STRICT, WITHOUT ROWID;

CREATE INDEX document_facets_text ON document_facets (tenant_id, type_id, field_name, value_text)
  WHERE value_text IS NOT NULL;
CREATE INDEX document_facets_number ON document_facets (tenant_id, type_id, field_name, value_number)
  WHERE value_number IS NOT NULL;

CREATE TABLE document_references (
  from_document_id INTEGER NOT NULL REFERENCES documents (pk) ON DELETE CASCADE,
  field_name       TEXT    NOT NULL,
  ordinal          INTEGER NOT NULL,
  tenant_id        TEXT    NOT NULL,
  to_root_id       TEXT    NOT NULL,
  ref_strength     TEXT    NOT NULL CHECK (ref_strength IN ('strong', 'weak')),
  PRIMARY KEY (from_document_id, field_name, ordinal)
) STRICT, WITHOUT ROWID;

CREATE INDEX document_references_to ON document_references (tenant_id, to_root_id);

CREATE TABLE document_permissions (
  tenant_id      TEXT    NOT NULL,
  root_id        TEXT    NOT NULL,
  principal_type TEXT    NOT NULL CHECK (principal_type IN ('user', 'role', 'group', 'public', 'token')),
  principal_id   TEXT    NOT NULL,                       -- '*' for the public
  permission     TEXT    NOT NULL
    CHECK (permission IN ('read', 'create', 'update', 'delete', 'publish', 'manage')),
  effect         TEXT    NOT NULL CHECK (effect IN ('allow', 'deny')),
  created_at     INTEGER NOT NULL,
  created_by     TEXT,
  PRIMARY KEY (tenant_id, root_id, principal_type, principal_id, permission)
) STRICT, WITHOUT ROWID;

CREATE TABLE settings (
  category   TEXT    NOT NULL,
  key        TEXT    NOT NULL,
  value      TEXT    NOT NULL,                           -- JSON
  updated_at INTEGER NOT NULL,
  PRIMARY KEY (category, key)
) STRICT, WITHOUT ROWID;

-- The generated columns and indexes that are there, so that a program can tell without a look at
-- the schema whether what it needs is a subset.
CREATE TABLE schema_state (
  name       TEXT    NOT NULL PRIMARY KEY,
  kind       TEXT    NOT NULL CHECK (kind IN ('column', 'index')),
  definition TEXT    NOT NULL,
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
