-- Conventions: ../README.md. Times are bound by the host, cut to microseconds, which is what TIMESTAMPTZ keeps.
-- JSON documents are TEXT, because JSONB loses the order of their members; sealed columns are opaque bytes. Keys
-- collate by bytes: they sort as in SQLite, and no new locale data of the system can break an index.
-- Where no foreign key stands, it is left out on purpose: hot tables would make one issuer's row the
-- lock that every issuance shares.

-- issuers: who issues. Written by `chancery config apply` and the admin API. Never deleted: everything
-- else is scoped by it.
CREATE TABLE issuers (
    issuer_id  TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    url        TEXT COLLATE "C" NOT NULL UNIQUE,
    display    TEXT             NOT NULL,
    created_at TIMESTAMPTZ      NOT NULL,
    updated_at TIMESTAMPTZ      NOT NULL
);

-- issuer_generations: how often an issuer, its keys or its configurations changed; hosts compare the sum
-- with the one of their compiled snapshot. Written in the transaction of each such change. Never deleted
-- and never lowered.
CREATE TABLE issuer_generations (
    issuer_id  TEXT COLLATE "C" NOT NULL PRIMARY KEY REFERENCES issuers (issuer_id),
    generation BIGINT           NOT NULL
);

-- credential_configurations: immutable versions, of which at most one is published. Written at publish,
-- where only `state` and `retired_at` of the former version change. Never deleted: issued credentials
-- name their version.
CREATE TABLE credential_configurations (
    issuer_id        TEXT COLLATE "C" NOT NULL REFERENCES issuers (issuer_id),
    configuration_id TEXT COLLATE "C" NOT NULL,
    version          BIGINT           NOT NULL CHECK (version >= 1),
    state            TEXT             NOT NULL CHECK (state IN ('draft', 'published', 'retired')),
    content          TEXT             NOT NULL,
    created_at       TIMESTAMPTZ      NOT NULL,
    retired_at       TIMESTAMPTZ,
    PRIMARY KEY (issuer_id, configuration_id, version)
);
CREATE UNIQUE INDEX credential_configurations_published
    ON credential_configurations (issuer_id, configuration_id) WHERE state = 'published';

-- signing_keys: keys and what is published of them. Written at key generation, import and rotation.
-- Never deleted: a retired key is published until the last credential that it signed has expired, and a
-- key id is never used again.
CREATE TABLE signing_keys (
    issuer_id          TEXT COLLATE "C" NOT NULL REFERENCES issuers (issuer_id),
    key_id             TEXT COLLATE "C" NOT NULL,
    purpose            TEXT COLLATE "C" NOT NULL,
    algorithm          TEXT             NOT NULL,
    public_jwk         TEXT             NOT NULL,
    sealed_private_key BYTEA            NOT NULL,
    state              TEXT             NOT NULL CHECK (state IN ('pending', 'active', 'retired', 'revoked')),
    created_at         TIMESTAMPTZ      NOT NULL,
    PRIMARY KEY (issuer_id, key_id)
);

-- clients: service clients of the admin API, each bound to one issuer. The id is unique over all issuers,
-- because the token endpoint learns the issuer from the client. Written when a client is registered.
-- May be deleted by an operator.
CREATE TABLE clients (
    client_id  TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    issuer_id  TEXT COLLATE "C" NOT NULL REFERENCES issuers (issuer_id),
    jwks       TEXT             NOT NULL,
    scopes     TEXT             NOT NULL,
    created_at TIMESTAMPTZ      NOT NULL
);

-- bootstrap_token: the one token that registers the first client. It belongs to the whole installation,
-- so it has no issuer. Written at first start and at redemption. Replaced when it expired unused; never
-- deleted once it was redeemed, so that no second one is ever offered.
CREATE TABLE bootstrap_token (
    slot        BIGINT      NOT NULL PRIMARY KEY CHECK (slot = 1),
    token_hash  TEXT        NOT NULL,
    created_at  TIMESTAMPTZ NOT NULL,
    expires_at  TIMESTAMPTZ NOT NULL,
    redeemed_at TIMESTAMPTZ
);

-- used_once: one-time values that were seen, such as the `jti` of a client assertion. Written when one is
-- accepted. May be deleted when `expires_at` has passed, since the value is then refused for its age.
CREATE TABLE used_once (
    issuer_id  TEXT COLLATE "C" NOT NULL,
    purpose    TEXT COLLATE "C" NOT NULL,
    value_hash TEXT COLLATE "C" NOT NULL,
    expires_at TIMESTAMPTZ      NOT NULL,
    PRIMARY KEY (issuer_id, purpose, value_hash)
);
CREATE INDEX used_once_expiry ON used_once (expires_at);

-- used_nonces: c_nonce values that took part in an issuance. Written in the issuance's transaction.
-- May be deleted when `expires_at` has passed, since the nonce is then refused for its age.
CREATE TABLE used_nonces (
    issuer_id  TEXT COLLATE "C" NOT NULL,
    nonce_hash TEXT COLLATE "C" NOT NULL,
    expires_at TIMESTAMPTZ      NOT NULL,
    PRIMARY KEY (issuer_id, nonce_hash)
);
CREATE INDEX used_nonces_expiry ON used_nonces (expires_at);

-- offers: credential offers with a pre-authorized code, and whom or what they are for (sealed). Written
-- when an offer is created and at each attempt to redeem it. May be deleted when `kept_until` has passed:
-- the offer's end, or that of the access token that was given for its code.
CREATE TABLE offers (
    issuer_id         TEXT COLLATE "C" NOT NULL,
    offer_id          TEXT COLLATE "C" NOT NULL,
    configuration_ids TEXT             NOT NULL,
    sealed_subject    BYTEA            NOT NULL,
    code_hash         TEXT COLLATE "C" NOT NULL,
    sealed_code       BYTEA            NOT NULL,
    tx_code_mac       TEXT,
    tx_code_hint      TEXT,
    tx_attempts_left  BIGINT           NOT NULL CHECK (tx_attempts_left >= 0),
    created_at        TIMESTAMPTZ      NOT NULL,
    expires_at        TIMESTAMPTZ      NOT NULL,
    redeemed_at       TIMESTAMPTZ,
    kept_until        TIMESTAMPTZ      NOT NULL,
    PRIMARY KEY (issuer_id, offer_id),
    UNIQUE (issuer_id, code_hash)
);
CREATE INDEX offers_expiry ON offers (kept_until);

-- issued_credentials: every credential that exists. Written in the issuance's transaction, before the
-- credential is answered; `credential` is NULL where the configuration keeps the record only. Deleted only
-- on request, never by housekeeping.
CREATE TABLE issued_credentials (
    issuer_id             TEXT COLLATE "C" NOT NULL,
    credential_id         TEXT COLLATE "C" NOT NULL,
    credential            BYTEA,
    issue_date            TIMESTAMPTZ      NOT NULL,
    expiration_date       TIMESTAMPTZ,
    credential_type       TEXT             NOT NULL,
    created_time          TIMESTAMPTZ      NOT NULL,
    updated_time          TIMESTAMPTZ      NOT NULL,
    configuration_id      TEXT COLLATE "C" NOT NULL,
    configuration_version BIGINT           NOT NULL,
    offer_id              TEXT COLLATE "C",
    PRIMARY KEY (issuer_id, credential_id)
);

-- deferred_transactions: credentials that were asked for and are not ready, by the hash of the transaction id that
-- the wallet polls with. `sealed_state` is what is needed to go on (sealed), and empty once it is finished. Written
-- when a credential request is answered with a transaction id, at each poll, and in the transaction of the issuance
-- that ends it. May be deleted when `expires_at` has passed and nobody holds a lease.
CREATE TABLE deferred_transactions (
    issuer_id             TEXT COLLATE "C" NOT NULL,
    transaction_hash      TEXT COLLATE "C" NOT NULL,
    offer_id              TEXT COLLATE "C",
    configuration_id      TEXT COLLATE "C" NOT NULL,
    configuration_version BIGINT           NOT NULL,
    kind                  TEXT             NOT NULL,
    sealed_state          BYTEA            NOT NULL,
    state                 TEXT             NOT NULL CHECK (state IN ('pending', 'finished')),
    attempts              BIGINT           NOT NULL CHECK (attempts >= 0),
    created_at            TIMESTAMPTZ      NOT NULL,
    poll_after            TIMESTAMPTZ      NOT NULL,
    expires_at            TIMESTAMPTZ      NOT NULL,
    lease_holder          TEXT,
    lease_until           TIMESTAMPTZ,
    PRIMARY KEY (issuer_id, transaction_hash)
);
CREATE INDEX deferred_transactions_expiry ON deferred_transactions (expires_at);
-- Partial: it counts those of an offer that wait.
CREATE INDEX deferred_transactions_pending ON deferred_transactions (issuer_id, offer_id) WHERE state = 'pending';

-- outbox: audit events, in the order of their rows, waiting to be sealed and delivered. Written in the
-- transaction of the action that each describes. May be deleted when every audit plugin has accepted the
-- row. A row number is never given twice, but transactions may commit in another order than they took theirs;
-- `sequence`, given to committed rows only, is the position that all hosts and audit plugins agree on.
CREATE TABLE outbox (
    number        BIGINT           NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id      TEXT COLLATE "C" NOT NULL,
    issuer_id     TEXT COLLATE "C" NOT NULL,
    occurred_at   TIMESTAMPTZ      NOT NULL,
    actor         TEXT             NOT NULL,
    action        TEXT             NOT NULL,
    object        TEXT             NOT NULL,
    outcome       TEXT             NOT NULL CHECK (outcome IN ('succeeded', 'refused', 'failed')),
    reason        TEXT,
    request_id    TEXT,
    plugin_digest TEXT,
    detail        TEXT             NOT NULL,
    sequence      BIGINT
);
CREATE INDEX outbox_issuer ON outbox (issuer_id, number);
CREATE INDEX outbox_event ON outbox (event_id);
-- Partial: an event that is written enters the small one only.
CREATE INDEX outbox_unsequenced ON outbox (number) WHERE sequence IS NULL;
CREATE UNIQUE INDEX outbox_sequence ON outbox (sequence) WHERE sequence IS NOT NULL;

-- audit_order: the last position that an event was given. Its one row is the lock under which positions are given,
-- so that they have no gap and none is given twice. It belongs to the whole installation, so it has no issuer.
CREATE TABLE audit_order (
    slot BIGINT NOT NULL PRIMARY KEY CHECK (slot = 1),
    last BIGINT NOT NULL
);
INSERT INTO audit_order (slot, last) VALUES (1, 0);

-- audit_deliveries: how far each audit plugin has accepted the events, and which host delivers to it. It belongs to
-- the whole installation, so it has no issuer. Written at each lease and after each accepted batch. May be deleted by
-- an operator when the plugin is gone for good; until then it keeps undelivered events from being deleted.
CREATE TABLE audit_deliveries (
    plugin             TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    delivered_sequence BIGINT           NOT NULL,
    lease_holder       TEXT,
    lease_until        TIMESTAMPTZ,
    updated_at         TIMESTAMPTZ      NOT NULL
);

-- plugin_controls: what operators decided about plugins beyond their files: switched off, or held at a former
-- generation. It belongs to the whole installation, so it has no issuer. Written by `chancery plugin` and the admin
-- API. Never deleted: hosts compare the sum of `revision` with the one that they follow.
CREATE TABLE plugin_controls (
    plugin          TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    disabled        BIGINT           NOT NULL CHECK (disabled IN (0, 1)),
    held_generation TEXT,
    held_from       TEXT,
    changed_at      TIMESTAMPTZ      NOT NULL,
    changed_by      TEXT             NOT NULL,
    revision        BIGINT           NOT NULL
);

-- store_check: the row that the readiness check writes. It belongs to the whole installation, so it has
-- no issuer.
CREATE TABLE store_check (
    slot   BIGINT NOT NULL PRIMARY KEY CHECK (slot = 1),
    checks BIGINT NOT NULL
);
INSERT INTO store_check (slot, checks) VALUES (1, 0);
