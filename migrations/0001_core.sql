-- Identity: Better Auth's tables under the names that SonicJS gives them. Usable alone.
--
-- Ids are opaque text. Times are milliseconds UTC. Secrets that a bearer presents are stored
-- hashed; one-time secrets live in auth_verification and nowhere else, passwords in auth_account.

-- People who can sign in.
CREATE TABLE auth_user (
  id                     TEXT    NOT NULL PRIMARY KEY,
  name                   TEXT    NOT NULL,
  email                  TEXT    NOT NULL UNIQUE CHECK (email = lower(email)),
  email_verified         INTEGER NOT NULL DEFAULT 0 CHECK (email_verified IN (0, 1)),
  avatar                 TEXT,                           -- Better Auth's `image`: a URL
  created_at             INTEGER NOT NULL,
  updated_at             INTEGER NOT NULL,
  first_name             TEXT    NOT NULL DEFAULT '',
  last_name              TEXT    NOT NULL DEFAULT '',
  username               TEXT    UNIQUE,                 -- normalised: lower case
  display_username       TEXT,
  role                   TEXT    NOT NULL DEFAULT 'viewer', -- may be a list, separated by commas
  is_super_admin         INTEGER NOT NULL DEFAULT 0 CHECK (is_super_admin IN (0, 1)),
  is_active              INTEGER NOT NULL DEFAULT 1 CHECK (is_active IN (0, 1)),
  banned                 INTEGER NOT NULL DEFAULT 0 CHECK (banned IN (0, 1)),
  ban_reason             TEXT,
  ban_expires            INTEGER,
  session_epoch          INTEGER NOT NULL DEFAULT 0,     -- moving it ends every session of the user
  two_factor_enabled     INTEGER NOT NULL DEFAULT 0 CHECK (two_factor_enabled IN (0, 1)),
  failed_login_count     INTEGER NOT NULL DEFAULT 0,
  locked_until           INTEGER,
  last_login_at          INTEGER,
  invited_by             TEXT REFERENCES auth_user (id) ON DELETE SET NULL,
  invited_at             INTEGER,
  accepted_invitation_at INTEGER,
  phone                  TEXT,
  bio                    TEXT,
  timezone               TEXT    NOT NULL DEFAULT 'UTC',
  language               TEXT    NOT NULL DEFAULT 'en',
  email_notifications    INTEGER NOT NULL DEFAULT 1 CHECK (email_notifications IN (0, 1)),
  theme                  TEXT    NOT NULL DEFAULT 'dark'
) STRICT;

CREATE INDEX auth_user_role    ON auth_user (role);
CREATE INDEX auth_user_locked  ON auth_user (locked_until) WHERE locked_until IS NOT NULL;
CREATE INDEX auth_user_inviter ON auth_user (invited_by) WHERE invited_by IS NOT NULL;

-- Sessions; valid while the epoch is the user's and the expiry is ahead.
CREATE TABLE auth_session (
  id                     TEXT    NOT NULL PRIMARY KEY,
  user_id                TEXT    NOT NULL REFERENCES auth_user (id) ON DELETE CASCADE,
  token                  TEXT    NOT NULL UNIQUE,        -- a hash, never the token itself
  token_v                INTEGER NOT NULL DEFAULT 1,     -- how it is hashed; 1 is base64url(SHA-256)
  epoch                  INTEGER NOT NULL DEFAULT 0,     -- auth_user.session_epoch at sign-in
  expires_at             INTEGER NOT NULL,
  ip_address             TEXT,
  user_agent             TEXT,
  impersonated_by        TEXT REFERENCES auth_user (id) ON DELETE CASCADE,
  active_organization_id TEXT,
  active_team_id         TEXT,
  created_at             INTEGER NOT NULL,
  updated_at             INTEGER NOT NULL
) STRICT;

CREATE INDEX auth_session_user         ON auth_session (user_id, created_at);
CREATE INDEX auth_session_expiry       ON auth_session (expires_at);
CREATE INDEX auth_session_impersonator ON auth_session (impersonated_by) WHERE impersonated_by IS NOT NULL;

-- The ways in which a user signs in: a password (provider `credential`) or a provider's account.
CREATE TABLE auth_account (
  id                       TEXT    NOT NULL PRIMARY KEY,
  user_id                  TEXT    NOT NULL REFERENCES auth_user (id) ON DELETE CASCADE,
  provider_id              TEXT    NOT NULL,
  account_id               TEXT    NOT NULL,             -- the provider's subject; of `credential` the user's id
  issuer                   TEXT,                         -- later versions of Better Auth fill it
  access_token             TEXT,
  refresh_token            TEXT,
  id_token                 TEXT,
  access_token_expires_at  INTEGER,
  refresh_token_expires_at INTEGER,
  scope                    TEXT,
  password                 TEXT,                         -- `salt:key` of scrypt, or `pbkdf2:…`
  created_at               INTEGER NOT NULL,
  updated_at               INTEGER NOT NULL,
  UNIQUE (provider_id, account_id)
) STRICT;

CREATE INDEX auth_account_user ON auth_account (user_id);
CREATE UNIQUE INDEX auth_account_credential ON auth_account (user_id) WHERE provider_id = 'credential';

-- One-time secrets of every purpose, hashed; used by DELETE … RETURNING.
CREATE TABLE auth_verification (
  id         TEXT    NOT NULL PRIMARY KEY,
  identifier TEXT    NOT NULL,                           -- the purpose and a hash of the secret
  value      TEXT    NOT NULL,
  expires_at INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;

CREATE INDEX auth_verification_identifier ON auth_verification (identifier);
CREATE INDEX auth_verification_expiry     ON auth_verification (expires_at);

-- The second factor of a user: at most one.
CREATE TABLE auth_two_factor (
  id                        TEXT    NOT NULL PRIMARY KEY,
  user_id                   TEXT    NOT NULL UNIQUE REFERENCES auth_user (id) ON DELETE CASCADE,
  secret                    TEXT    NOT NULL,            -- encrypted
  backup_codes              TEXT    NOT NULL,            -- an encrypted JSON array
  verified                  INTEGER NOT NULL DEFAULT 0 CHECK (verified IN (0, 1)),
  failed_verification_count INTEGER NOT NULL DEFAULT 0,
  locked_until              INTEGER,
  created_at                INTEGER NOT NULL,
  updated_at                INTEGER NOT NULL
) STRICT;

-- WebAuthn credentials.
CREATE TABLE auth_passkey (
  id            TEXT    NOT NULL PRIMARY KEY,
  name          TEXT,
  public_key    TEXT    NOT NULL,                        -- base64 of the COSE key
  user_id       TEXT    NOT NULL REFERENCES auth_user (id) ON DELETE CASCADE,
  credential_id TEXT    NOT NULL UNIQUE,
  counter       INTEGER NOT NULL,
  device_type   TEXT    NOT NULL,                        -- singleDevice or multiDevice
  backed_up     INTEGER NOT NULL CHECK (backed_up IN (0, 1)),
  transports    TEXT,                                    -- a list, separated by commas
  created_at    INTEGER,
  aaguid        TEXT
) STRICT;

CREATE INDEX auth_passkey_user ON auth_passkey (user_id);

-- API keys, of a user or an organisation (so no foreign key).
CREATE TABLE auth_api_tokens (
  id                     TEXT    NOT NULL PRIMARY KEY,
  config_id              TEXT    NOT NULL DEFAULT 'default',
  name                   TEXT,
  start                  TEXT,                           -- the first characters, to recognise it by
  reference_id           TEXT    NOT NULL,
  prefix                 TEXT,
  key                    TEXT    NOT NULL UNIQUE,        -- a hash, never the key itself
  refill_interval        INTEGER,
  refill_amount          INTEGER,
  last_refill_at         INTEGER,
  enabled                INTEGER NOT NULL DEFAULT 1 CHECK (enabled IN (0, 1)),
  rate_limit_enabled     INTEGER NOT NULL DEFAULT 1 CHECK (rate_limit_enabled IN (0, 1)),
  rate_limit_time_window INTEGER NOT NULL DEFAULT 86400000, -- milliseconds
  rate_limit_max         INTEGER NOT NULL DEFAULT 10,
  request_count          INTEGER NOT NULL DEFAULT 0,
  remaining              INTEGER,
  last_request           INTEGER,
  expires_at             INTEGER,
  created_at             INTEGER NOT NULL,
  updated_at             INTEGER NOT NULL,
  permissions            TEXT,                           -- JSON: {"resource": ["action"]}
  metadata               TEXT                            -- JSON
) STRICT;

CREATE INDEX auth_api_tokens_reference ON auth_api_tokens (reference_id);

-- Organisations: Better Auth's view of a tenant.
CREATE TABLE auth_tenant (
  id         TEXT    NOT NULL PRIMARY KEY,
  name       TEXT    NOT NULL,
  slug       TEXT    NOT NULL UNIQUE,
  logo       TEXT,
  metadata   TEXT,                                       -- JSON
  status     TEXT    NOT NULL DEFAULT 'active',
  domain     TEXT,
  notes      TEXT,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;

CREATE INDEX auth_tenant_domain ON auth_tenant (domain) WHERE domain IS NOT NULL;

-- Who belongs to an organisation, and as what.
CREATE TABLE auth_tenant_member (
  id         TEXT    NOT NULL PRIMARY KEY,
  tenant_id  TEXT    NOT NULL REFERENCES auth_tenant (id) ON DELETE CASCADE,
  user_id    TEXT    NOT NULL REFERENCES auth_user (id) ON DELETE CASCADE,
  role       TEXT    NOT NULL DEFAULT 'member',
  email      TEXT,
  created_at INTEGER NOT NULL,
  UNIQUE (tenant_id, user_id)
) STRICT;

CREATE INDEX auth_tenant_member_user ON auth_tenant_member (user_id);

-- Invitations to an organisation. The secret of the link is in auth_verification.
CREATE TABLE auth_tenant_invitation (
  id         TEXT    NOT NULL PRIMARY KEY,
  tenant_id  TEXT    NOT NULL REFERENCES auth_tenant (id) ON DELETE CASCADE,
  email      TEXT    NOT NULL CHECK (email = lower(email)),
  role       TEXT,
  team_id    TEXT    REFERENCES auth_tenant_team (id) ON DELETE CASCADE,
  status     TEXT    NOT NULL DEFAULT 'pending'
    CHECK (status IN ('pending', 'accepted', 'rejected', 'canceled')),
  expires_at INTEGER NOT NULL,
  inviter_id TEXT    NOT NULL REFERENCES auth_user (id) ON DELETE CASCADE,
  created_at INTEGER NOT NULL
) STRICT;

CREATE INDEX auth_tenant_invitation_tenant  ON auth_tenant_invitation (tenant_id);
CREATE INDEX auth_tenant_invitation_email   ON auth_tenant_invitation (email);
CREATE INDEX auth_tenant_invitation_inviter ON auth_tenant_invitation (inviter_id);
CREATE INDEX auth_tenant_invitation_team    ON auth_tenant_invitation (team_id) WHERE team_id IS NOT NULL;

-- Teams within an organisation.
CREATE TABLE auth_tenant_team (
  id         TEXT    NOT NULL PRIMARY KEY,
  tenant_id  TEXT    NOT NULL REFERENCES auth_tenant (id) ON DELETE CASCADE,
  name       TEXT    NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER
) STRICT;

CREATE INDEX auth_tenant_team_tenant ON auth_tenant_team (tenant_id);

-- Hashes of former passwords, so that they are not taken again.
CREATE TABLE auth_password_history (
  id            TEXT    NOT NULL PRIMARY KEY,
  user_id       TEXT    NOT NULL REFERENCES auth_user (id) ON DELETE CASCADE,
  password_hash TEXT    NOT NULL,
  created_at    INTEGER NOT NULL
) STRICT;

CREATE INDEX auth_password_history_user ON auth_password_history (user_id, created_at);

-- Counters of attempts.
CREATE TABLE rate_limit (
  key          TEXT    NOT NULL PRIMARY KEY,
  count        INTEGER NOT NULL,
  last_request INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX rate_limit_age ON rate_limit (last_request);
