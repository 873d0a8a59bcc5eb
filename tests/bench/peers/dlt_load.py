"""The peer of the whole way: dlt, fed with dicts, into a Delta table.

    dlt_load.py CORPUS SCHEMA FOLDER RECORDS_A_POST
"""

import itertools
import os
import sys

corpus, schema, folder, post = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
os.environ.update(
    RUNTIME__DLTHUB_TELEMETRY="false",
    RUNTIME__LOG_LEVEL="ERROR",
    DLT_DATA_DIR=os.path.join(folder, "dlt"),
    # Parquet from the start, and buffers for a whole post: what its guide to performance advises.
    NORMALIZE__LOADER_FILE_FORMAT="parquet",
    DATA_WRITER__BUFFER_MAX_ITEMS="50000",
)

import dlt  # noqa: E402
import jsonschema_rs  # noqa: E402
import orjson  # noqa: E402
from dlt.destinations import filesystem  # noqa: E402

from worker import work  # noqa: E402

with open(schema, "rb") as file:
    is_valid = jsonschema_rs.Draft202012Validator(
        orjson.loads(file.read()), validate_formats=True, pattern_options=jsonschema_rs.RegexOptions()
    ).is_valid

runs = itertools.count()


def run() -> dict:
    sums = {"accepted": 0, "quarantined": 0}

    # Nesting is switched off, or the flags would become a table of their own.
    @dlt.resource(name="readings", table_format="delta", max_table_nesting=0)
    def readings():
        with open(corpus, "rb") as lines:
            while batch := list(itertools.islice(lines, post)):
                good = [record for record in map(orjson.loads, batch) if is_valid(record)]
                sums["accepted"] += len(good)
                sums["quarantined"] += len(batch) - len(good)
                yield good

    pipeline = dlt.pipeline(
        f"bench_{next(runs)}", destination=filesystem(f"file://{folder}/lake"), dataset_name="bench", pipelines_dir=os.path.join(folder, "dlt")
    )
    pipeline.run(readings()).raise_on_failed_jobs()
    return sums


work(run)
