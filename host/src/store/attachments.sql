-- Files that belong to records of a channel. Their bytes lie beside the database, found by their hash.
CREATE TABLE attachment (
    sha256      BLOB   NOT NULL,
    channel     TEXT   NOT NULL REFERENCES channel (channel),
    size        BIGINT NOT NULL,
    agency      TEXT   NOT NULL,
    connector   TEXT,
    received_at BIGINT NOT NULL,
    PRIMARY KEY (sha256, channel)
) WITHOUT ROWID;

-- Files that are being put into place for a group that is not committed yet. What is found here at a start was lost: the
-- file goes, unless a row above names it.
CREATE TABLE staged_attachment (
    sha256 BLOB   NOT NULL,
    call   BIGINT NOT NULL,
    PRIMARY KEY (sha256, call)
) WITHOUT ROWID;

ALTER TABLE channel ADD COLUMN attachments BIGINT NOT NULL DEFAULT 0;
ALTER TABLE channel ADD COLUMN attachment_bytes BIGINT NOT NULL DEFAULT 0;
