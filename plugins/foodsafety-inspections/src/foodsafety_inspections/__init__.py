"""Food-safety inspections from CSV files with Vietnamese headings."""

from collections.abc import Iterator
from typing import Any

from lienthong_sdk import Call, InvalidInput, Message

from .headings import Headings
from .inspection import Inspection
from .table import Row, Table
from .values import Fault

PORT = "inspections"
HEADING_ROWS = 20
"""Titles, dates and blank rows that may stand above the headings."""
HOPELESS_ROWS = 200
"""A file with so many bad rows first, and no good one, is another kind of file."""
INSPECTION_ROWS = 100
"""Violations of one inspection."""


class Receiver:
    """One message is one file."""

    def receive(self, call: Call, message: Message) -> None:
        table = Table(message.body)
        headings = self._headings(table)
        good = 0
        for rows in self._inspections(table, headings):
            try:
                record = self._record(rows, headings, call.settings, message.name)
            except Fault as fault:
                call.reject(PORT, b"".join(row.raw for row in rows), str(fault), _place(rows))
                if good == 0 and call.rejected >= HOPELESS_ROWS:
                    raise InvalidInput(f"the first {HOPELESS_ROWS} rows are all bad; the last: {fault}") from None
            else:
                good += 1
                call.emit(PORT, record)

    def _headings(self, table: Table) -> Headings:
        """The first row that has what an inspection needs."""
        missing: list[str] = []
        for row in table.rows(HEADING_ROWS):
            headings = Headings.of(row.cells)
            if not headings.missing:
                return headings
            if not missing or len(headings.missing) < len(missing):
                missing = headings.missing
        raise InvalidInput(f"no row of the first {HEADING_ROWS} has the headings: {', '.join(missing) or 'the file is empty'}")

    def _inspections(self, table: Table, headings: Headings) -> Iterator[list[Row]]:
        """Rows that follow each other under one report number are one inspection: a violation each."""
        rows: list[Row] = []
        number: str | None = None
        for row in table.rows():
            if row.fault is None and not any(cell.strip() for cell in row.cells):
                continue
            own = headings.cell(row.cells, "report") if row.fault is None else None
            if rows and (own is None or own != number or len(rows) >= INSPECTION_ROWS):
                yield rows
                rows = []
            rows.append(row)
            number = own
        if rows:
            yield rows

    def _record(self, rows: list[Row], headings: Headings, settings: dict[str, str], name: str | None) -> dict[str, Any]:
        for row in rows:
            if row.fault is not None:
                raise Fault(row.fault)
            if len(row.cells) > headings.width and any(cell.strip() for cell in row.cells[headings.width :]):
                raise Fault(
                    f"the row has {len(row.cells)} cells and there are {headings.width} headings: "
                    "a cell with the separator needs quotation marks"
                )
        inspection = Inspection([headings.named(row.cells) for row in rows], settings)
        return inspection.record(name)


def _place(rows: list[Row]) -> str:
    first, last = rows[0].line, rows[-1].last_line
    return f"line {first}" if first == last else f"lines {first} to {last}"
