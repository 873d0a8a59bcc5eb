"""What rows mean: an inspection of an establishment, with its violations and fines."""

from typing import Any

from . import values
from .headings import COLUMNS
from .values import Fault

VIOLATION = ("violation", "legal_basis", "fine")
"""Columns that differ from row to row of one inspection."""

TEXTS = (
    "agency",
    "inspection_kind",
    "establishment",
    "establishment_kind",
    "certificate",
    "tax_code",
    "owner",
    "phone",
    "address",
    "remedy",
)


def heading(name: str) -> str:
    """A column as people know it."""
    return COLUMNS[name][0]


class Inspection:
    """The rows under one report number, by the names of their columns."""

    def __init__(self, rows: list[dict[str, str]], settings: dict[str, str]) -> None:
        self._rows = rows
        self._common = self._agreed()
        for name in ("agency", "ward"):
            if name in settings:
                self._common.setdefault(name, settings[name])

    def record(self, file_name: str | None) -> dict[str, Any]:
        """The record of ``foodsafety/inspections``."""
        own = self._common
        for name in ("report", "establishment", "inspected_on", "result"):
            if name not in own:
                raise Fault(f"`{heading(name)}` is empty")
        violations = [violation for row in self._rows if (violation := self._violation(row)) is not None]
        fines = sum(violation["fine_vnd"] for violation in violations)
        if "fines" in own and (said := values.money(own["fines"], heading("fines"))) != fines:
            raise Fault(f"`{heading('fines')}` says {said}, the fines sum to {fines}")
        record: dict[str, Any] = {
            "report": own["report"],
            "inspected_on": values.day(own["inspected_on"], heading("inspected_on")),
            "result": values.result(own["result"]),
            "result_text": own["result"],
            "violations": violations,
            "fines_vnd": fines,
        }
        record |= {name: own[name] for name in TEXTS if name in own}
        if "ward" in own:
            record["ward"] = values.ward(own["ward"], heading("ward"))
        if "remedy_by" in own:
            record["remedy_by"] = values.day(own["remedy_by"], heading("remedy_by"))
        if file_name is not None:
            record["source_file"] = file_name
        return record

    def _agreed(self) -> dict[str, str]:
        """What the rows say of the inspection. A row may leave out what another says; two must not say different things."""
        agreed: dict[str, str] = {}
        for row in self._rows:
            for name, cell in row.items():
                if name not in VIOLATION and agreed.setdefault(name, cell) != cell:
                    raise Fault(f"the rows of this report differ in `{heading(name)}`: make them equal, or give each a number of its own")
        return agreed

    def _violation(self, row: dict[str, str]) -> dict[str, Any] | None:
        fine = values.money(row["fine"], heading("fine")) if "fine" in row else 0
        if "violation" not in row:
            if fine or "legal_basis" in row:
                raise Fault(f"there is a fine or its legal basis, but `{heading('violation')}` is empty")
            return None
        violation: dict[str, Any] = {"description": row["violation"], "fine_vnd": fine}
        if "legal_basis" in row:
            violation |= values.legal_basis(row["legal_basis"])
        return violation
