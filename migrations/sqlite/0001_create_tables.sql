-- Conventions: ../README.md. Times are RFC 3339 text in UTC cut to microseconds, bound by the host; JSON
-- documents are TEXT, so that the order of their members is kept; sealed columns are opaque bytes.
-- Where no foreign key stands, it is left out on purpose: hot tables would make one issuer's row the
-- lock that every issuance shares.

-- issuers: who issues. Written by `chancery config apply` and the admin API. Never deleted: everything
-- else is scoped by it.
CREATE TABLE issuers (
    issuer_id  TEXT NOT NULL PRIMARY KEY,
    url        TEXT NOT NULL UNIQUE,
    display    TEXT NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
) STRICT;

-- issuer_generations: how often an issuer, its keys or its configurations changed; hosts compare the sum
-- with the one of their compiled snapshot. Written in the transaction of each such change. Never deleted
-- and never lowered.
CREATE TABLE issuer_generations (
    issuer_id  TEXT    NOT NULL PRIMARY KEY REFERENCES issuers (issuer_id),
    generation INTEGER NOT NULL
) STRICT;

-- credential_configurations: immutable versions, of which at most one is published. Written at publish,
-- where only `state` and `retired_at` of the former version change. Never deleted: issued credentials
-- name their version.
CREATE TABLE credential_configurations (
    issuer_id        TEXT    NOT NULL REFERENCES issuers (issuer_id),
    configuration_id TEXT    NOT NULL,
    version          INTEGER NOT NULL CHECK (version >= 1),
    state            TEXT    NOT NULL CHECK (state IN ('draft', 'published', 'retired')),
    content          TEXT    NOT NULL,
    created_at       TEXT    NOT NULL,
    retired_at       TEXT,
    PRIMARY KEY (issuer_id, configuration_id, version)
) STRICT;
CREATE UNIQUE INDEX credential_configurations_published
    ON credential_configurations (issuer_id, configuration_id) WHERE state = 'published';

-- signing_keys: keys and what is published of them. Written at key generation, import and rotation.
-- Never deleted: a retired key is published until the last credential that it signed has expired, and a
-- key id is never used again.
CREATE TABLE signing_keys (
    issuer_id          TEXT NOT NULL REFERENCES issuers (issuer_id),
    key_id             TEXT NOT NULL,
    purpose            TEXT NOT NULL,
    algorithm          TEXT NOT NULL,
    public_jwk         TEXT NOT NULL,
    sealed_private_key BLOB NOT NULL,
    state              TEXT NOT NULL CHECK (state IN ('pending', 'active', 'retired', 'revoked')),
    created_at         TEXT NOT NULL,
    PRIMARY KEY (issuer_id, key_id)
) STRICT;

-- clients: service clients of the admin API, each bound to one issuer. The id is unique over all issuers,
-- because the token endpoint learns the issuer from the client. Written when a client is registered.
-- May be deleted by an operator.
CREATE TABLE clients (
    client_id  TEXT NOT NULL PRIMARY KEY,
    issuer_id  TEXT NOT NULL REFERENCES issuers (issuer_id),
    jwks       TEXT NOT NULL,
    scopes     TEXT NOT NULL,
    created_at TEXT NOT NULL
) STRICT;

-- bootstrap_token: the one token that registers the first client. It belongs to the whole installation,
-- so it has no issuer. Written at first start and at redemption. Replaced when it expired unused; never
-- deleted once it was redeemed, so that no second one is ever offered.
CREATE TABLE bootstrap_token (
    slot        INTEGER NOT NULL PRIMARY KEY CHECK (slot = 1),
    token_hash  TEXT    NOT NULL,
    created_at  TEXT    NOT NULL,
    expires_at  TEXT    NOT NULL,
    redeemed_at TEXT
) STRICT;

-- used_once: one-time values that were seen, such as the `jti` of a client assertion. Written when one is
-- accepted. May be deleted when `expires_at` has passed, since the value is then refused for its age.
CREATE TABLE used_once (
    issuer_id  TEXT NOT NULL,
    purpose    TEXT NOT NULL,
    value_hash TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    PRIMARY KEY (issuer_id, purpose, value_hash)
) STRICT, WITHOUT ROWID;
CREATE INDEX used_once_expiry ON used_once (expires_at);

-- used_nonces: c_nonce values that took part in an issuance. Written in the issuance's transaction.
-- May be deleted when `expires_at` has passed, since the nonce is then refused for its age.
CREATE TABLE used_nonces (
    issuer_id  TEXT NOT NULL,
    nonce_hash TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    PRIMARY KEY (issuer_id, nonce_hash)
) STRICT, WITHOUT ROWID;
CREATE INDEX used_nonces_expiry ON used_nonces (expires_at);

-- offers: credential offers with a pre-authorized code, and whom or what they are for (sealed). Written
-- when an offer is created and at each attempt to redeem it. May be deleted when `kept_until` has passed:
-- the offer's end, or that of the access token that was given for its code.
CREATE TABLE offers (
    issuer_id         TEXT    NOT NULL,
    offer_id          TEXT    NOT NULL,
    configuration_ids TEXT    NOT NULL,
    sealed_subject    BLOB    NOT NULL,
    code_hash         TEXT    NOT NULL,
    sealed_code       BLOB    NOT NULL,
    tx_code_mac       TEXT,
    tx_code_hint      TEXT,
    tx_attempts_left  INTEGER NOT NULL CHECK (tx_attempts_left >= 0),
    created_at        TEXT    NOT NULL,
    expires_at        TEXT    NOT NULL,
    redeemed_at       TEXT,
    kept_until        TEXT    NOT NULL,
    PRIMARY KEY (issuer_id, offer_id),
    UNIQUE (issuer_id, code_hash)
) STRICT;
CREATE INDEX offers_expiry ON offers (kept_until);

-- issued_credentials: every credential that exists. Written in the issuance's transaction, before the
-- credential is answered; `credential` is NULL where the configuration keeps the record only. Deleted only
-- on request, never by housekeeping.
CREATE TABLE issued_credentials (
    issuer_id             TEXT    NOT NULL,
    credential_id         TEXT    NOT NULL,
    credential            BLOB,
    issue_date            TEXT    NOT NULL,
    expiration_date       TEXT,
    credential_type       TEXT    NOT NULL,
    created_time          TEXT    NOT NULL,
    updated_time          TEXT    NOT NULL,
    configuration_id      TEXT    NOT NULL,
    configuration_version INTEGER NOT NULL,
    offer_id              TEXT,
    PRIMARY KEY (issuer_id, credential_id)
) STRICT;

-- deferred_transactions: credentials that were asked for and are not ready, by the hash of the transaction id that
-- the wallet polls with. `sealed_state` is what is needed to go on (sealed), and empty once it is finished. Written
-- when a credential request is answered with a transaction id, at each poll, and in the transaction of the issuance
-- that ends it. May be deleted when `expires_at` has passed and nobody holds a lease.
CREATE TABLE deferred_transactions (
    issuer_id             TEXT    NOT NULL,
    transaction_hash      TEXT    NOT NULL,
    offer_id              TEXT,
    configuration_id      TEXT    NOT NULL,
    configuration_version INTEGER NOT NULL,
    kind                  TEXT    NOT NULL,
    sealed_state          BLOB    NOT NULL,
    state                 TEXT    NOT NULL CHECK (state IN ('pending', 'finished')),
    attempts              INTEGER NOT NULL CHECK (attempts >= 0),
    created_at            TEXT    NOT NULL,
    poll_after            TEXT    NOT NULL,
    expires_at            TEXT    NOT NULL,
    lease_holder          TEXT,
    lease_until           TEXT,
    PRIMARY KEY (issuer_id, transaction_hash)
) STRICT;
CREATE INDEX deferred_transactions_expiry ON deferred_transactions (expires_at);
-- Partial: it counts those of an offer that wait.
CREATE INDEX deferred_transactions_pending ON deferred_transactions (issuer_id, offer_id) WHERE state = 'pending';

-- outbox: audit events, in the order of their rows, waiting to be sealed and delivered. Written in the
-- transaction of the action that each describes. May be deleted when every audit plugin has accepted the
-- row; AUTOINCREMENT keeps a row number from being given twice. `sequence`, given to committed rows only, is the
-- position that all hosts and audit plugins agree on.
CREATE TABLE outbox (
    number        INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    event_id      TEXT    NOT NULL,
    issuer_id     TEXT    NOT NULL,
    occurred_at   TEXT    NOT NULL,
    actor         TEXT    NOT NULL,
    action        TEXT    NOT NULL,
    object        TEXT    NOT NULL,
    outcome       TEXT    NOT NULL CHECK (outcome IN ('succeeded', 'refused', 'failed')),
    reason        TEXT,
    request_id    TEXT,
    plugin_digest TEXT,
    detail        TEXT    NOT NULL,
    sequence      INTEGER
) STRICT;
CREATE INDEX outbox_issuer ON outbox (issuer_id, number);
CREATE INDEX outbox_event ON outbox (event_id);
-- Partial: an event that is written enters the small one only.
CREATE INDEX outbox_unsequenced ON outbox (number) WHERE sequence IS NULL;
CREATE UNIQUE INDEX outbox_sequence ON outbox (sequence) WHERE sequence IS NOT NULL;

-- audit_order: the last position that an event was given. Its one row is the lock under which positions are given,
-- so that they have no gap and none is given twice. It belongs to the whole installation, so it has no issuer.
CREATE TABLE audit_order (
    slot INTEGER NOT NULL PRIMARY KEY CHECK (slot = 1),
    last INTEGER NOT NULL
) STRICT;
INSERT INTO audit_order (slot, last) VALUES (1, 0);

-- audit_deliveries: how far each audit plugin has accepted the events, and which host delivers to it. It belongs to
-- the whole installation, so it has no issuer. Written at each lease and after each accepted batch. May be deleted by
-- an operator when the plugin is gone for good; until then it keeps undelivered events from being deleted.
CREATE TABLE audit_deliveries (
    plugin             TEXT    NOT NULL PRIMARY KEY,
    delivered_sequence INTEGER NOT NULL,
    lease_holder       TEXT,
    lease_until        TEXT,
    updated_at         TEXT    NOT NULL
) STRICT;

-- plugin_controls: what operators decided about plugins beyond their files: switched off, or held at a former
-- generation. It belongs to the whole installation, so it has no issuer. Written by `chancery plugin` and the admin
-- API. Never deleted: hosts compare the sum of `revision` with the one that they follow.
CREATE TABLE plugin_controls (
    plugin          TEXT    NOT NULL PRIMARY KEY,
    disabled        INTEGER NOT NULL CHECK (disabled IN (0, 1)),
    held_generation TEXT,
    held_from       TEXT,
    changed_at      TEXT    NOT NULL,
    changed_by      TEXT    NOT NULL,
    revision        INTEGER NOT NULL
) STRICT;

-- store_check: the row that the readiness check writes. It belongs to the whole installation, so it has
-- no issuer.
CREATE TABLE store_check (
    slot   INTEGER NOT NULL PRIMARY KEY CHECK (slot = 1),
    checks INTEGER NOT NULL
) STRICT;
INSERT INTO store_check (slot, checks) VALUES (1, 0);
