#!/usr/bin/env python3
"""Reads a lake table with other engines than the hub's own and prints what each of them sees, as JSON.

    lake_check.py TABLE [SUM_COLUMN [APPLICATION]]

TABLE is the table's folder, or `s3://bucket/prefix/domain/name` with AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_ENDPOINT_URL
and AWS_REGION in the environment. For each engine: count, distinct (epoch, offset) pairs, least and greatest offset, the sum of
SUM_COLUMN (default `_offset`), the columns' types, rows with `_extra`, rows of the first and last `_date` by a filter on
the partition, the earliest and latest `_received_at` in UTC. For the log: version, `txn` actions, protocol.
Exits with 1 where engines disagree or a pair of epoch and offset occurs twice.

Of APPLICATION, for example `trial/one:1`, the last version it committed.

Needs: what tests/lake_tools installs
"""

import datetime
import importlib
import json
import os
import pathlib
import sys
from urllib.parse import urlsplit


def utc(moment):
    if moment is None:
        return None
    return moment.astimezone(datetime.timezone.utc).isoformat(timespec="microseconds")


def load(db, name):
    """An extension comes as a package of its own: nothing is fetched at run time."""
    package = importlib.import_module("duckdb_extension_" + name)
    extension = next(pathlib.Path(package.__file__).parent.rglob(name + ".duckdb_extension"))
    db.execute(f"LOAD '{extension}'")


def delta_table(path):
    from deltalake import DeltaTable

    # Of a server of one's own, which may speak plain HTTP.
    options = {"AWS_ALLOW_HTTP": "true"} if path.startswith("s3://") else None
    return DeltaTable(path, storage_options=options)


def with_duckdb(path, sum_column):
    import duckdb

    db = duckdb.connect()
    load(db, "delta")
    if path.startswith("s3://"):
        load(db, "httpfs")
        endpoint = urlsplit(os.environ["AWS_ENDPOINT_URL"])
        db.execute(
            "CREATE SECRET (TYPE s3, KEY_ID $id, SECRET $secret, ENDPOINT $endpoint, REGION $region, URL_STYLE 'path', USE_SSL $ssl)",
            {
                "id": os.environ["AWS_ACCESS_KEY_ID"], "secret": os.environ["AWS_SECRET_ACCESS_KEY"], "endpoint": endpoint.netloc,
                "region": os.environ["AWS_REGION"], "ssl": endpoint.scheme == "https",
            },
        )
    db.execute("SET TimeZone = 'UTC'")
    db.execute("CREATE VIEW t AS SELECT * FROM delta_scan('" + path.replace("'", "''") + "')")
    name = '"' + sum_column.replace('"', '""') + '"'
    count, pairs, least, greatest, total, extra, first, last = db.execute(
        f'SELECT count(*), count(DISTINCT (_epoch, _offset)), min(_offset), max(_offset), sum({name}), count(_extra), '
        "epoch_us(min(_received_at)), epoch_us(max(_received_at)) FROM t"
    ).fetchone()
    dates = [row[0] for row in db.execute("SELECT DISTINCT _date FROM t ORDER BY 1").fetchall()]
    by_date = {
        str(date): db.execute("SELECT count(*) FROM t WHERE _date = ?", [date]).fetchone()[0] for date in {*dates[:1], *dates[-1:]}
    }
    moment = lambda us: None if us is None else utc(datetime.datetime.fromtimestamp(0, datetime.timezone.utc) + datetime.timedelta(microseconds=us))
    return {
        "count": count, "pairs": pairs, "min_offset": least, "max_offset": greatest, "sum": None if total is None else float(total),
        "extra": extra, "by_date": by_date, "received_at": [moment(first), moment(last)],
        "types": {row[0]: row[1] for row in db.execute("DESCRIBE t").fetchall()},
    }


def with_pyarrow(path, sum_column):
    import pyarrow.compute as pc

    table = delta_table(path)
    rows = table.to_pyarrow_table()
    dates = sorted({date for date in rows["_date"].to_pylist()})
    by_date = {str(date): table.to_pyarrow_table(filters=[("_date", "=", date)]).num_rows for date in {*dates[:1], *dates[-1:]}}
    total = pc.sum(rows[sum_column]).as_py()
    range_of = lambda name: [pc.min(rows[name]).as_py(), pc.max(rows[name]).as_py()]
    least, greatest = range_of("_offset")
    return {
        "count": rows.num_rows, "pairs": len(set(zip(rows["_epoch"].to_pylist(), rows["_offset"].to_pylist()))),
        "min_offset": least, "max_offset": greatest, "sum": None if total is None else float(total),
        "extra": rows.num_rows - rows["_extra"].null_count, "by_date": by_date, "received_at": [utc(m) for m in range_of("_received_at")],
        "types": {field.name: str(field.type) for field in rows.schema},
    }


def log_of(path, application):
    """Of transactions only what stands in commit files on a disk; and the application's last."""
    table = delta_table(path)
    transactions = {}
    for commit in sorted(pathlib.Path(path, "_delta_log").glob("*.json")):
        for line in commit.read_text("utf-8").splitlines():
            txn = json.loads(line).get("txn")
            if txn:
                transactions[txn["appId"]] = txn["version"]
    protocol = table.protocol()
    return {
        "version": table.version(), "txn": transactions, "last": application and table.transaction_version(application), "files": len(table.file_uris()),
        "protocol": [protocol.min_reader_version, protocol.min_writer_version],
        "configuration": table.metadata().configuration, "partitions": table.metadata().partition_columns,
    }


def main():
    path = sys.argv[1]
    sum_column = sys.argv[2] if len(sys.argv) > 2 else "_offset"
    application = sys.argv[3] if len(sys.argv) > 3 else None
    engines = {"duckdb": with_duckdb(path, sum_column), "delta-rs": with_pyarrow(path, sum_column)}
    print(json.dumps({"engines": engines, "log": log_of(path, application)}, ensure_ascii=False, indent=2, sort_keys=True))
    seen = [{key: value for key, value in engine.items() if key != "types"} for engine in engines.values()]
    alike = all(abs(one.pop("sum") or 0) - abs(other.pop("sum") or 0) < 1e-6 * max(1, one["count"]) and one == other for one, other in [seen])
    doubled = any(engine["count"] != engine["pairs"] for engine in engines.values())
    return 0 if alike and not doubled else 1


if __name__ == "__main__":
    sys.exit(main())
