-- What a transform keeps of each key between its calls.
CREATE TABLE state (
    owner TEXT NOT NULL,
    key   TEXT NOT NULL,
    state BLOB NOT NULL,
    PRIMARY KEY (owner, key)
);

-- Deliveries that were given up. The records themselves are in the log.
CREATE TABLE dead_letter (
    id            INTEGER NOT NULL PRIMARY KEY,
    route         TEXT    NOT NULL,
    sink          TEXT    NOT NULL,
    channel       TEXT    NOT NULL REFERENCES channel (channel),
    epoch         BIGINT  NOT NULL,
    record_offset BIGINT  NOT NULL,
    attempts      BIGINT  NOT NULL,
    reason        TEXT    NOT NULL,
    died_at       BIGINT  NOT NULL,
    -- 1 while an operator wants it delivered once more.
    redrive       BIGINT  NOT NULL
);
CREATE INDEX dead_letter_by_route ON dead_letter (route, sink, id);
CREATE INDEX dead_letter_to_redrive ON dead_letter (route, sink, id) WHERE redrive = 1;
INSERT INTO counter (name, next) VALUES ('dead_letter', 1);
