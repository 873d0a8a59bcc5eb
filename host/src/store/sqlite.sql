-- The tables, as SQLite wants them. Times are microseconds since 1970-01-01T00:00:00Z, seg is the UTC day of
-- received_at as days since then. No statement relies on a rowid or on an id that the database assigns.

-- One row a channel: the counters move in the transaction of the append itself.
CREATE TABLE channel (
    channel     TEXT   NOT NULL PRIMARY KEY,
    epoch       BIGINT NOT NULL,
    next_offset BIGINT NOT NULL,
    -- The end of the newest batch, which lies in an earlier epoch until the current one has records.
    last_epoch  BIGINT NOT NULL,
    last_offset BIGINT NOT NULL,
    accepted    BIGINT NOT NULL,
    stored      BIGINT NOT NULL,
    open        BIGINT NOT NULL,
    discarded   BIGINT NOT NULL,
    bytes       BIGINT NOT NULL,
    CHECK (accepted = stored + open + discarded)
) WITHOUT ROWID;

-- Records, or rejected items, of one batch: at most 1 MiB before lz4. Small rows elsewhere refer to it.
CREATE TABLE block (
    block          INTEGER NOT NULL PRIMARY KEY,
    seg            BIGINT  NOT NULL,
    raw_bytes      BIGINT  NOT NULL,
    crc32          BIGINT  NOT NULL,
    lz4            BLOB    NOT NULL,
    envelope_bytes BIGINT  NOT NULL,
    envelopes_lz4  BLOB
);

-- The log. first_offset is dense within (channel, epoch).
CREATE TABLE batch (
    channel        TEXT   NOT NULL REFERENCES channel (channel),
    epoch          BIGINT NOT NULL,
    first_offset   BIGINT NOT NULL,
    seg            BIGINT NOT NULL,
    count          BIGINT NOT NULL,
    bytes          BIGINT NOT NULL,
    agency         TEXT   NOT NULL,
    connector      TEXT,
    received_at    BIGINT NOT NULL,
    schema_version BIGINT NOT NULL,
    block          BIGINT NOT NULL,
    PRIMARY KEY (channel, epoch, first_offset, seg)
) WITHOUT ROWID;

-- Batches of calls that have not come back yet.
CREATE TABLE staged_batch (
    call           BIGINT NOT NULL,
    channel        TEXT   NOT NULL REFERENCES channel (channel),
    block          BIGINT NOT NULL,
    seg            BIGINT NOT NULL,
    count          BIGINT NOT NULL,
    bytes          BIGINT NOT NULL,
    agency         TEXT   NOT NULL,
    connector      TEXT,
    received_at    BIGINT NOT NULL,
    schema_version BIGINT NOT NULL,
    PRIMARY KEY (call, channel, block)
) WITHOUT ROWID;

-- Rejected items, whole: bytes [start, start + size) of their block.
CREATE TABLE quarantine (
    id          INTEGER NOT NULL PRIMARY KEY,
    channel     TEXT    NOT NULL REFERENCES channel (channel),
    agency      TEXT    NOT NULL,
    connector   TEXT,
    received_at BIGINT  NOT NULL,
    schema      TEXT    NOT NULL,
    pointer     TEXT    NOT NULL,
    keyword     TEXT    NOT NULL,
    message     TEXT    NOT NULL,
    block       BIGINT  NOT NULL,
    start       BIGINT  NOT NULL,
    size        BIGINT  NOT NULL
);
CREATE INDEX quarantine_by_channel ON quarantine (channel, id);
CREATE INDEX quarantine_by_connector ON quarantine (connector, id);

CREATE TABLE staged_rejection (
    call        BIGINT NOT NULL,
    block       BIGINT NOT NULL,
    start       BIGINT NOT NULL,
    seq         BIGINT NOT NULL,
    channel     TEXT   NOT NULL REFERENCES channel (channel),
    agency      TEXT   NOT NULL,
    connector   TEXT,
    received_at BIGINT NOT NULL,
    schema      TEXT   NOT NULL,
    pointer     TEXT   NOT NULL,
    keyword     TEXT   NOT NULL,
    message     TEXT   NOT NULL,
    size        BIGINT NOT NULL,
    PRIMARY KEY (call, block, seq)
) WITHOUT ROWID;

-- Numbers that are never given twice.
CREATE TABLE counter (
    name TEXT   NOT NULL PRIMARY KEY,
    next BIGINT NOT NULL
) WITHOUT ROWID;
INSERT INTO counter (name, next) VALUES ('quarantine', 1);

-- Receipts by idempotency key.
CREATE TABLE remembered (
    scope         TEXT   NOT NULL,
    key           BLOB   NOT NULL,
    body_hash     BLOB   NOT NULL,
    receipt       TEXT   NOT NULL,
    note          BLOB   NOT NULL,
    remembered_at BIGINT NOT NULL,
    PRIMARY KEY (scope, key)
) WITHOUT ROWID;
CREATE INDEX remembered_by_age ON remembered (remembered_at);

CREATE TABLE checkpoint (
    owner      TEXT   NOT NULL PRIMARY KEY,
    version    BIGINT NOT NULL,
    cursor     BLOB   NOT NULL,
    updated_at BIGINT NOT NULL
) WITHOUT ROWID;

CREATE TABLE run (
    connector   TEXT   NOT NULL,
    id          BIGINT NOT NULL,
    started_at  BIGINT NOT NULL,
    duration_us BIGINT NOT NULL,
    ok          BIGINT NOT NULL,
    records     BIGINT NOT NULL,
    rejected    BIGINT NOT NULL,
    error_kind  TEXT,
    error_text  TEXT,
    stderr_tail TEXT   NOT NULL,
    PRIMARY KEY (connector, id)
) WITHOUT ROWID;

CREATE TABLE access_key (
    id         TEXT   NOT NULL PRIMARY KEY,
    -- NULL for an operator's key.
    agency     TEXT,
    hash       BLOB   NOT NULL,
    may_read   TEXT   NOT NULL,
    may_write  TEXT   NOT NULL,
    note       TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    revoked_at BIGINT
) WITHOUT ROWID;
