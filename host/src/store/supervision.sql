-- What each connector did in each hour since 1970-01-01T00:00:00Z, for its budget of a day and its scorecard. Moves in the
-- transaction that records the run.
CREATE TABLE connector_hour (
    connector    TEXT   NOT NULL,
    hour         BIGINT NOT NULL,
    calls        BIGINT NOT NULL,
    failures     BIGINT NOT NULL,
    records      BIGINT NOT NULL,
    rejected     BIGINT NOT NULL,
    cpu_us       BIGINT NOT NULL,
    egress_bytes BIGINT NOT NULL,
    -- When it last stored a record in that hour.
    newest_at    BIGINT,
    PRIMARY KEY (connector, hour)
) WITHOUT ROWID;

-- Connectors that an operator paused.
CREATE TABLE paused_connector (
    connector TEXT   NOT NULL PRIMARY KEY,
    at        BIGINT NOT NULL,
    note      TEXT   NOT NULL
) WITHOUT ROWID;

ALTER TABLE run ADD COLUMN cpu_us BIGINT NOT NULL DEFAULT 0;
ALTER TABLE run ADD COLUMN egress_bytes BIGINT NOT NULL DEFAULT 0;
