import json
import os
import unittest
from typing import Any

from shared import FIXTURES, read


def ndjson(items: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(item, ensure_ascii=False) + "\n" for item in items)


class Golden(unittest.TestCase):
    """``UPDATE=1`` writes what is expected anew, for a person to read and commit."""

    maxDiff = None

    def test_each_file_becomes_what_is_written_beside_it(self) -> None:
        files = sorted(FIXTURES.glob("*.csv"))
        self.assertGreaterEqual(len(files), 3)
        for file in files:
            with self.subTest(file.name):
                records, rejects = read(file.read_bytes(), file.name)
                for kind, found in (("records", records), ("rejects", rejects)):
                    beside = file.with_suffix(f".{kind}.ndjson")
                    if os.environ.get("UPDATE"):
                        beside.write_text(ndjson(found), encoding="utf-8")
                    self.assertEqual(ndjson(found), beside.read_text(encoding="utf-8"))


if __name__ == "__main__":
    unittest.main()
