"""What the bytes say: a CSV file, row by row whatever its size, each with the bytes it came as."""

import csv
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from lienthong_sdk import Body, InvalidInput

ROW_BYTES = 128 << 10
"""A row, quoted line breaks included."""
SEPARATORS = ",;\t"
BOM = b"\xef\xbb\xbf"


@dataclass
class Row:
    """A row as it was read, and as it came."""

    line: int
    """Its first line, from 1."""
    last_line: int
    raw: bytes
    cells: list[str] = field(default_factory=list)
    fault: str | None = None
    """Why its cells cannot be told, if they cannot."""


class TooLong(Exception):
    """A row went on beyond its bound."""


class Table:
    """A CSV file in UTF-8, with or without a byte order mark, whose cells are separated as its first rows are."""

    def __init__(self, body: Body) -> None:
        start = body.read(0, 64 << 10)
        if start.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise InvalidInput("the file is in UTF-16: save it as CSV UTF-8")
        if b"\0" in start:
            raise InvalidInput("the file is no CSV file: it has zero bytes, as spreadsheets and archives do")
        self._file = body.file()
        self._file.seek(len(BOM) if start.startswith(BOM) else 0)
        self._line = 0
        self._first = 1
        self._raw = bytearray()
        self._rows = csv.reader(self._lines(), delimiter=_separator(start), strict=True)

    def rows(self, most: int | None = None) -> Iterator[Row]:
        """Row by row, at most ``most``; another call goes on behind them."""
        count = 0
        while most is None or count < most:
            self._raw.clear()
            self._first = self._line + 1
            cells: list[str] = []
            fault = None
            try:
                cells = next(self._rows)
            except StopIteration:
                return
            except TooLong:
                # The reader ends with its lines: another goes on behind the row.
                fault = f"the row has more than {ROW_BYTES} bytes: is a quotation mark never closed?"
                self._rows = csv.reader(self._lines(), self._rows.dialect)
            except csv.Error as error:
                fault = f"the row cannot be read: {error}"
            count += 1
            raw = bytes(self._raw)
            if fault is None and any("\udc80" <= char <= "\udcff" for cell in cells for char in cell):
                fault = "the row is not UTF-8: save the file as CSV UTF-8"
            yield Row(self._first, self._line, raw, cells, fault)

    def _lines(self) -> Iterator[str]:
        """Lines for the reader; what it takes for one row is kept as it came."""
        while line := self._file.readline(ROW_BYTES):
            self._line += 1
            self._raw += line
            if len(self._raw) > ROW_BYTES or (len(line) == ROW_BYTES and not line.endswith(b"\n")):
                while not line.endswith(b"\n") and (line := self._file.readline(ROW_BYTES)):
                    pass
                raise TooLong
            yield line.decode(errors="surrogateescape")


def _separator(start: bytes) -> str:
    """That which stands most often in the first lines outside of quotation marks; a comma where none does."""
    counts: Counter[str] = Counter()
    quoted = False
    for char in start.decode(errors="replace"):
        quoted ^= char == '"'
        if not quoted and char in SEPARATORS:
            counts[char] += 1
    return max(SEPARATORS, key=lambda char: counts[char])
