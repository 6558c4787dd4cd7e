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
-- credential is answered; `credential` (sealed) is NULL where the configuration keeps the record only; it stands last,
-- because SQLite reads through a long value to what follows it. `subject_hash` is a keyed hash of whom it is about. Deleted
-- on request, and after `delete_after`.
CREATE TABLE issued_credentials (
    issuer_id             TEXT    NOT NULL,
    credential_id         TEXT    NOT NULL,
    issue_date            TEXT    NOT NULL,
    expiration_date       TEXT,
    credential_type       TEXT    NOT NULL,
    created_time          TEXT    NOT NULL,
    updated_time          TEXT    NOT NULL,
    configuration_id      TEXT    NOT NULL,
    configuration_version INTEGER NOT NULL,
    offer_id              TEXT,
    format                TEXT    NOT NULL,
    subject_hash          TEXT,
    superseded_by         TEXT,
    delete_after          TEXT,
    credential            BLOB,
    PRIMARY KEY (issuer_id, credential_id)
) STRICT;
CREATE INDEX issued_credentials_created ON issued_credentials (issuer_id, created_time, credential_id);
CREATE INDEX issued_credentials_type
    ON issued_credentials (issuer_id, credential_type, created_time, credential_id);
-- Partial: where it is not known whom a credential is about, nothing enters them.
CREATE INDEX issued_credentials_subject
    ON issued_credentials (issuer_id, subject_hash, created_time, credential_id) WHERE subject_hash IS NOT NULL;
CREATE INDEX issued_credentials_retention ON issued_credentials (issuer_id, delete_after)
    WHERE delete_after IS NOT NULL;

-- credential_attributes: what a person's credentials can be found by beside their ids: values as keyed hashes of the
-- issuer, for the claims that a configuration names. Written in the issuance's transaction. Goes with its credential.
CREATE TABLE credential_attributes (
    issuer_id     TEXT NOT NULL,
    credential_id TEXT NOT NULL,
    name          TEXT NOT NULL,
    value_hash    TEXT NOT NULL,
    PRIMARY KEY (issuer_id, credential_id, name),
    FOREIGN KEY (issuer_id, credential_id) REFERENCES issued_credentials (issuer_id, credential_id) ON DELETE CASCADE
) STRICT;
CREATE INDEX credential_attributes_value ON credential_attributes (issuer_id, name, value_hash);

-- status_lists: where entries are allocated: one bitmap for each purpose, whose entries share their indexes. An index is
-- the keyed permutation of a counter value; hosts lease the counter in blocks (`next_slot`), so no index is ever given
-- twice. `revision` counts the changes, `published_revision` those that the newest version shows. Written when a list
-- opens, at each lease, change and publication. Never deleted.
CREATE TABLE status_lists (
    issuer_id              TEXT    NOT NULL,
    list_id                TEXT    NOT NULL,
    purposes               TEXT    NOT NULL,
    capacity               INTEGER NOT NULL CHECK (capacity > 0),
    sealed_permutation_key BLOB    NOT NULL,
    next_slot              INTEGER NOT NULL CHECK (next_slot >= 0 AND next_slot <= capacity),
    revision               INTEGER NOT NULL,
    version                INTEGER NOT NULL,
    published_revision     INTEGER NOT NULL,
    valid_until            TEXT,
    created_at             TEXT    NOT NULL,
    updated_at             TEXT    NOT NULL,
    PRIMARY KEY (issuer_id, list_id)
) STRICT;

-- status_list_credential: the status list credentials, one for each purpose of a list; the id is its URL. What is
-- published of it stands in `status_list_version`, its identity in `issued_credentials`, which keeps that row from being
-- deleted. `credential_status` says whether its list still has entries to give. Never deleted.
CREATE TABLE status_list_credential (
    issuer_id         TEXT    NOT NULL,
    id                TEXT    NOT NULL,
    list_id           TEXT    NOT NULL,
    credential_id     TEXT    NOT NULL,
    credential_type   TEXT    NOT NULL,
    status_purpose    TEXT    NOT NULL,
    capacity          INTEGER NOT NULL,
    credential_status TEXT    NOT NULL CHECK (credential_status IN ('available', 'full')),
    cr_dtimes         TEXT    NOT NULL,
    upd_dtimes        TEXT,
    PRIMARY KEY (issuer_id, id),
    UNIQUE (issuer_id, list_id, status_purpose),
    FOREIGN KEY (issuer_id, credential_id) REFERENCES issued_credentials (issuer_id, credential_id)
) STRICT;

-- credential_status: the entries of credentials in status lists, and what they say now. Written in the issuance's
-- transaction, and at each change of a status. Goes with its credential, while its slot stays taken: the truth of a list
-- is `status_change`.
CREATE TABLE credential_status (
    status_id                 INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    issuer_id                 TEXT    NOT NULL,
    credential_id             TEXT    NOT NULL,
    status_purpose            TEXT    NOT NULL,
    list_id                   TEXT    NOT NULL,
    status_list_credential_id TEXT    NOT NULL,
    status_list_index         INTEGER NOT NULL,
    status_value              INTEGER NOT NULL CHECK (status_value IN (0, 1)),
    is_current                INTEGER NOT NULL CHECK (is_current IN (0, 1)),
    status_timestamp          TEXT    NOT NULL,
    cr_dtimes                 TEXT    NOT NULL,
    upd_dtimes                TEXT,
    FOREIGN KEY (issuer_id, credential_id) REFERENCES issued_credentials (issuer_id, credential_id) ON DELETE CASCADE
) STRICT;
CREATE INDEX credential_status_credential ON credential_status (issuer_id, credential_id);
-- It must never stop anything: that no index is given twice is how they are allocated.
CREATE UNIQUE INDEX credential_status_slot
    ON credential_status (issuer_id, status_list_credential_id, status_list_index) WHERE is_current = 1;
-- Partial: an entry that says nothing does not enter it.
CREATE INDEX credential_status_set
    ON credential_status (issuer_id, status_purpose, status_timestamp) WHERE status_value = 1;

-- status_change: every change of an entry, in the order of the list's revisions, which have no gap. Written in the
-- transaction of the change. Never deleted, and without a foreign key to the credential: a list that is built anew from
-- it revokes what was revoked, also where the credential is gone.
CREATE TABLE status_change (
    issuer_id         TEXT    NOT NULL,
    list_id           TEXT    NOT NULL,
    revision          INTEGER NOT NULL,
    status_purpose    TEXT    NOT NULL,
    status_list_index INTEGER NOT NULL,
    status_value      INTEGER NOT NULL CHECK (status_value IN (0, 1)),
    changed_at        TEXT    NOT NULL,
    actor             TEXT    NOT NULL,
    reason            TEXT,
    event_id          TEXT    NOT NULL,
    PRIMARY KEY (issuer_id, list_id, revision)
) STRICT;
CREATE INDEX status_change_entry ON status_change (issuer_id, list_id, status_list_index);

-- status_list_version: what was published of a list: its bitmap and the signed documents of all its status list
-- credentials. Written at each publication. The newest stays; of former ones the last of each time window, until it is
-- too old.
CREATE TABLE status_list_version (
    issuer_id    TEXT    NOT NULL,
    list_id      TEXT    NOT NULL,
    version      INTEGER NOT NULL,
    revision     INTEGER NOT NULL,
    published_at TEXT    NOT NULL,
    valid_until  TEXT    NOT NULL,
    bits         BLOB    NOT NULL,
    documents    BLOB    NOT NULL,
    PRIMARY KEY (issuer_id, list_id, version)
) STRICT;

-- credential_tombstones: deleted credentials, by a keyed hash of the id, with the entries that they had: the id is never
-- issued again, and reading it answers that it is gone. Written in the transaction of the deletion. Never deleted.
CREATE TABLE credential_tombstones (
    issuer_id       TEXT NOT NULL,
    credential_hash TEXT NOT NULL,
    slots           TEXT NOT NULL,
    deleted_at      TEXT NOT NULL,
    PRIMARY KEY (issuer_id, credential_hash)
) STRICT;

-- idempotent_replies: what a client was answered under an idempotency key (sealed), for repeating the same request.
-- Written in the transaction of what was answered. `credential_hash` is the keyed hash of the credential that it holds: it
-- is emptied with that one's deletion. May be deleted when `expires_at` has passed.
CREATE TABLE idempotent_replies (
    issuer_id       TEXT NOT NULL,
    client_id       TEXT NOT NULL,
    key_hash        TEXT NOT NULL,
    request_hash    TEXT NOT NULL,
    sealed_reply    BLOB NOT NULL,
    credential_hash TEXT,
    created_at      TEXT NOT NULL,
    expires_at      TEXT NOT NULL,
    PRIMARY KEY (issuer_id, client_id, key_hash)
) STRICT;
CREATE INDEX idempotent_replies_expiry ON idempotent_replies (expires_at);
CREATE INDEX idempotent_replies_credential ON idempotent_replies (issuer_id, credential_hash)
    WHERE credential_hash IS NOT NULL;

-- jobs: many credentials asked for at once. `done` and `failed` count its items. Written when it is made, and with each
-- group of items. May be deleted when `expires_at` has passed and it has ended; one that is still loading then is
-- cancelled first.
CREATE TABLE jobs (
    issuer_id        TEXT    NOT NULL,
    job_id           TEXT    NOT NULL,
    configuration_id TEXT    NOT NULL,
    state            TEXT    NOT NULL CHECK (state IN ('loading', 'running', 'finished', 'cancelled')),
    total            INTEGER NOT NULL CHECK (total >= 0),
    done             INTEGER NOT NULL CHECK (done >= 0),
    failed           INTEGER NOT NULL CHECK (failed >= 0),
    actor            TEXT    NOT NULL,
    created_at       TEXT    NOT NULL,
    updated_at       TEXT    NOT NULL,
    expires_at       TEXT    NOT NULL,
    lease_holder     TEXT,
    lease_until      TEXT,
    PRIMARY KEY (issuer_id, job_id)
) STRICT;
CREATE INDEX jobs_created ON jobs (issuer_id, created_at, job_id);
-- Partial: what hosts look for is the work that is left.
CREATE INDEX jobs_running ON jobs (created_at) WHERE state = 'running';
CREATE INDEX jobs_expiry ON jobs (expires_at);

-- job_items: what each credential of a job is made of (sealed, and empty once the item or its job has ended), and what
-- became of it. An item is done in the transaction that records its credential. Goes with its job.
CREATE TABLE job_items (
    issuer_id     TEXT    NOT NULL,
    job_id        TEXT    NOT NULL,
    number        INTEGER NOT NULL,
    sealed_input  BLOB    NOT NULL,
    state         TEXT    NOT NULL CHECK (state IN ('pending', 'done', 'failed')),
    credential_id TEXT,
    error         TEXT,
    PRIMARY KEY (issuer_id, job_id, number),
    FOREIGN KEY (issuer_id, job_id) REFERENCES jobs (issuer_id, job_id) ON DELETE CASCADE
) STRICT;
-- Partial: those that are left.
CREATE INDEX job_items_pending ON job_items (issuer_id, job_id, number) WHERE state = 'pending';

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

-- webhook_dead_letters: messages to issuers' backends that were given up: not taken, or too often not answered (status
-- 0). Written when the delivery moves on without them; `queued_at` when an operator wants one sent again. Deleted when it
-- was, when it is too old (`keep` of the webhook), and when its webhook is forgotten.
CREATE TABLE webhook_dead_letters (
    issuer_id   TEXT    NOT NULL,
    webhook     TEXT    NOT NULL,
    event_id    TEXT    NOT NULL,
    event_type  TEXT    NOT NULL,
    occurred_at TEXT    NOT NULL,
    body        TEXT    NOT NULL,
    status      INTEGER NOT NULL,
    reason      TEXT    NOT NULL,
    attempts    INTEGER NOT NULL,
    failed_at   TEXT    NOT NULL,
    queued_at   TEXT,
    PRIMARY KEY (issuer_id, webhook, event_id)
) STRICT;
CREATE INDEX webhook_dead_letters_age ON webhook_dead_letters (issuer_id, webhook, failed_at);
-- Partial: few are sent again.
CREATE INDEX webhook_dead_letters_queued
    ON webhook_dead_letters (issuer_id, webhook, queued_at, event_id) WHERE queued_at IS NOT NULL;

-- webhook_pauses: webhooks whose receiver answered that it is gone. They belong to the whole installation, so they have
-- no issuer. Deleted when an operator resumes the webhook, or forgets it.
CREATE TABLE webhook_pauses (
    webhook   TEXT NOT NULL PRIMARY KEY,
    paused_at TEXT NOT NULL,
    reason    TEXT NOT NULL
) STRICT;

-- store_check: the row that the readiness check writes. It belongs to the whole installation, so it has
-- no issuer.
CREATE TABLE store_check (
    slot   INTEGER NOT NULL PRIMARY KEY CHECK (slot = 1),
    checks INTEGER NOT NULL
) STRICT;
INSERT INTO store_check (slot, checks) VALUES (1, 0);
