"""What the tests here share: a hub in memory whose channel has the real schema."""

import json
from pathlib import Path
from typing import Any

from foodsafety_inspections import Receiver
from jsonschema import Draft202012Validator, FormatChecker
from lienthong_sdk.testing import Hub

HERE = Path(__file__).parent
FIXTURES = HERE.parent / "fixtures"
SCHEMA = json.loads((HERE.parents[2] / "schemas/foodsafety/inspections.v1.json").read_text(encoding="utf-8"))
VALIDATOR = Draft202012Validator(SCHEMA, format_checker=FormatChecker())

Found = tuple[list[dict[str, Any]], list[dict[str, Any]]]


def read(content: bytes, name: str | None = "inspections.csv", **settings: str) -> Found:
    """Hands a file to the plugin: records, which must fit their schema, and rejections."""
    hub = Hub(name=name, settings=settings)
    hub.receive(Receiver(), content)
    records = hub.records("inspections")
    for record in records:
        for error in VALIDATOR.iter_errors(record):
            raise AssertionError(f"{error.message}: {record}")
    rejects = [{"at": one.at, "reason": one.reason, "text": one.bytes.decode(errors="backslashreplace")} for one in hub.rejects]
    return records, rejects


HEADINGS = "Số biên bản,Ngày kiểm tra,Tên cơ sở,Kết quả,Hành vi vi phạm,Căn cứ pháp lý,Tiền phạt (đồng)"


def sheet(*rows: str, headings: str = HEADINGS) -> bytes:
    """A file of these rows."""
    return "".join(row + "\n" for row in (headings, *rows)).encode()
