"""The peer of the whole way: what a data engineer would write with the fastest wheels there are, all of them native code.

Reads posts of newline-delimited records from a file, validates each record, appends the good ones to a log that is synced
for each post, and lands them in a Delta table by a commit for every 16 MiB. No HTTP: it is not charged for a server.

    script.py CORPUS SCHEMA FOLDER RECORDS_A_POST
"""

import io
import itertools
import os
import sys

import jsonschema_rs
import orjson
import pyarrow
import pyarrow.json
from deltalake import WriterProperties, write_deltalake

from worker import work

LAND_BYTES = 16 << 20

corpus, schema, folder, post = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
with open(schema, "rb") as file:
    is_valid = jsonschema_rs.Draft202012Validator(
        orjson.loads(file.read()), validate_formats=True, pattern_options=jsonschema_rs.RegexOptions()
    ).is_valid

COLUMNS = pyarrow.json.ParseOptions(
    explicit_schema=pyarrow.schema(
        [(name, pyarrow.string()) for name in ("id", "station", "parameter", "unit")]
        + [("observed_at", pyarrow.timestamp("us", "UTC"))]
        + [(name, pyarrow.float64()) for name in ("value", "latitude", "longitude")]
        + [(name, pyarrow.int64()) for name in ("battery", "quality")]
        + [("online", pyarrow.bool_()), ("flags", pyarrow.list_(pyarrow.string()))]
    )
)
ZSTD = WriterProperties(compression="ZSTD")


def land(posts: list[bytes]) -> None:
    rows = pyarrow.json.read_json(io.BytesIO(b"".join(posts)), parse_options=COLUMNS)
    write_deltalake(os.path.join(folder, "table"), rows, mode="append", writer_properties=ZSTD)


def run() -> dict:
    accepted = refused = pending_bytes = 0
    pending: list[bytes] = []
    log = os.open(os.path.join(folder, "log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    quarantine = os.open(os.path.join(folder, "quarantine"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    with open(corpus, "rb") as lines:
        while batch := list(itertools.islice(lines, post)):
            good, bad = [], []
            for line in batch:
                (good if is_valid(orjson.loads(line)) else bad).append(line)
            if bad:
                os.write(quarantine, b"".join(bad))
                os.fdatasync(quarantine)
            block = b"".join(good)
            os.write(log, block)
            os.fdatasync(log)
            accepted += len(good)
            refused += len(bad)
            pending.append(block)
            pending_bytes += len(block)
            if pending_bytes >= LAND_BYTES:
                land(pending)
                pending, pending_bytes = [], 0
    if pending:
        land(pending)
    return {"accepted": accepted, "quarantined": refused}


work(run)
