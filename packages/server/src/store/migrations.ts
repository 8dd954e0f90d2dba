/** Steps from an empty store to the present schema. Number n brings `user_version` from n - 1 to n; never edit one. */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE revision (id INTEGER PRIMARY KEY CHECK (id = 1), value INTEGER NOT NULL) STRICT;
  INSERT INTO revision (id, value) VALUES (1, 0);

  CREATE TABLE change_log (
    revision INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL
  ) STRICT;

  CREATE TABLE entries (
    id TEXT PRIMARY KEY,
    revision INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    spiffe_id TEXT NOT NULL,
    parent_id TEXT NOT NULL,
    selectors TEXT NOT NULL,
    selector_key TEXT NOT NULL,
    x509_svid_ttl INTEGER,
    jwt_svid_ttl INTEGER,
    wit_ttl INTEGER,
    dns_names TEXT,
    hint TEXT,
    admin INTEGER,
    downstream INTEGER,
    federates_with TEXT,
    expires_at INTEGER,
    UNIQUE (spiffe_id, parent_id, selector_key)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX entries_by_parent ON entries (parent_id);
  CREATE INDEX entries_by_expiry ON entries (expires_at) WHERE expires_at IS NOT NULL;

  CREATE TABLE nodes (
    agent_id TEXT PRIMARY KEY,
    attestor TEXT NOT NULL,
    selectors TEXT NOT NULL,
    attested_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    banned_at INTEGER,
    serial TEXT NOT NULL,
    previous_serial TEXT
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE join_tokens (
    hash TEXT PRIMARY KEY,
    agent_path TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at INTEGER
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE bundles (
    trust_domain TEXT PRIMARY KEY,
    document TEXT NOT NULL,
    sequence INTEGER,
    updated_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE federations (
    trust_domain TEXT PRIMARY KEY,
    bundle_endpoint_url TEXT NOT NULL,
    profile TEXT NOT NULL,
    web_roots TEXT,
    last_refresh_at INTEGER,
    last_error_code TEXT,
    last_error_message TEXT,
    last_error_at INTEGER
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE authorities (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('x509', 'jwt', 'wit')),
    key_name TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL CHECK (state IN ('prepared', 'active', 'retired')),
    not_before INTEGER NOT NULL,
    not_after INTEGER NOT NULL,
    certificate TEXT,
    public_jwk TEXT,
    CHECK ((certificate IS NULL) <> (public_jwk IS NULL))
  ) STRICT, WITHOUT ROWID;
  CREATE UNIQUE INDEX authorities_one_active ON authorities (kind) WHERE state = 'active';
  `,
  `
  ALTER TABLE authorities ADD COLUMN tainted_at INTEGER;

  CREATE TABLE revoked_authorities (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    not_before INTEGER NOT NULL,
    not_after INTEGER NOT NULL,
    tainted_at INTEGER,
    revoked_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE taint_reports (
    authority_id TEXT NOT NULL,
    agent_id TEXT NOT NULL,
    credentials INTEGER NOT NULL,
    reported_at INTEGER NOT NULL,
    PRIMARY KEY (authority_id, agent_id)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  ALTER TABLE federations ADD COLUMN endpoint_spiffe_id TEXT;
  ALTER TABLE federations ADD COLUMN allowed_addresses TEXT;
  ALTER TABLE federations ADD COLUMN last_error_detail TEXT;
  `,
  `
  CREATE TABLE certificates (
    serial TEXT PRIMARY KEY,
    authority_id TEXT NOT NULL,
    agent_id TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    revoked_at INTEGER,
    revoked_revision INTEGER,
    reason TEXT
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX certificates_by_node ON certificates (agent_id) WHERE revoked_at IS NULL;
  CREATE INDEX certificates_by_expiry ON certificates (expires_at);
  CREATE INDEX certificates_revoked ON certificates (authority_id, revoked_revision) WHERE revoked_at IS NOT NULL;

  CREATE TABLE crls (
    authority_id TEXT PRIMARY KEY,
    number INTEGER NOT NULL,
    this_update INTEGER NOT NULL,
    next_update INTEGER NOT NULL,
    der TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  `,
  `
  ALTER TABLE authorities ADD COLUMN upstream TEXT;

  CREATE TABLE upstream_bundle (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    document TEXT NOT NULL,
    updated_at INTEGER NOT NULL
  ) STRICT;

  CREATE TABLE authority_requests (
    id TEXT PRIMARY KEY,
    key_name TEXT NOT NULL UNIQUE,
    csr TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    ends_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE downstream_keys (
    kid TEXT PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('jwt', 'wit')),
    holder TEXT NOT NULL,
    agent_id TEXT NOT NULL,
    public_jwk TEXT NOT NULL,
    not_after INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX downstream_keys_by_holder ON downstream_keys (holder);
  `,
  `
  CREATE TABLE role_grants (
    id TEXT PRIMARY KEY,
    created_at INTEGER NOT NULL,
    subject TEXT NOT NULL,
    identity TEXT,
    role TEXT NOT NULL CHECK (role IN ('viewer', 'registrar', 'operator', 'admin')),
    prefix TEXT NOT NULL,
    parents TEXT NOT NULL,
    federates_with TEXT,
    dns_names TEXT,
    max_ttl INTEGER,
    expires_at INTEGER,
    UNIQUE (subject, role, prefix)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX role_grants_by_identity ON role_grants (identity) WHERE identity IS NOT NULL;
  `,
  `
  ALTER TABLE join_tokens ADD COLUMN used_key TEXT;
  `,
  `
  CREATE TABLE recovery (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    held_since INTEGER,
    cause TEXT,
    lost_before INTEGER
  ) STRICT;
  INSERT INTO recovery (id) VALUES (1);
  `,
  `
  -- SQLite cannot change a CHECK, so the table is made anew, with one more kind.
  CREATE TABLE authorities_new (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('x509', 'jwt', 'wit', 'oauth')),
    key_name TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL CHECK (state IN ('prepared', 'active', 'retired')),
    not_before INTEGER NOT NULL,
    not_after INTEGER NOT NULL,
    certificate TEXT,
    public_jwk TEXT,
    tainted_at INTEGER,
    upstream TEXT,
    CHECK ((certificate IS NULL) <> (public_jwk IS NULL))
  ) STRICT, WITHOUT ROWID;
  INSERT INTO authorities_new
    (id, kind, key_name, state, not_before, not_after, certificate, public_jwk, tainted_at, upstream)
    SELECT id, kind, key_name, state, not_before, not_after, certificate, public_jwk, tainted_at, upstream FROM authorities;
  DROP TABLE authorities;
  ALTER TABLE authorities_new RENAME TO authorities;
  CREATE UNIQUE INDEX authorities_one_active ON authorities (kind) WHERE state = 'active';

  CREATE TABLE used_tokens (
    key TEXT PRIMARY KEY,
    expires_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX used_tokens_by_expiry ON used_tokens (expires_at);

  CREATE TABLE revoked_tokens (
    id TEXT PRIMARY KEY,
    expires_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  `,
  `
  ALTER TABLE change_log ADD COLUMN spiffe_id TEXT;
  ALTER TABLE change_log ADD COLUMN previous_spiffe_id TEXT;
  ALTER TABLE join_tokens ADD COLUMN selectors TEXT;
  `,
  `
  CREATE TABLE used_token_files (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    name TEXT NOT NULL
  ) STRICT;
  INSERT INTO used_token_files (id, name) SELECT 1, '' WHERE EXISTS (SELECT 1 FROM used_tokens);
  DROP TABLE used_tokens;
  `,
]
