"""Which column is what, by its Vietnamese heading."""

import unicodedata
from dataclasses import dataclass

COLUMNS = {
    "report": ("số biên bản", "số bb", "biên bản số"),
    "inspected_on": ("ngày kiểm tra", "ngày thanh tra", "ngày kiểm tra (dd/mm/yyyy)"),
    "agency": ("cơ quan kiểm tra", "đoàn kiểm tra", "đơn vị kiểm tra"),
    "inspection_kind": ("hình thức kiểm tra", "hình thức"),
    "establishment": ("tên cơ sở", "cơ sở", "cơ sở được kiểm tra"),
    "establishment_kind": ("loại hình", "loại hình cơ sở", "loại hình kinh doanh"),
    "certificate": ("số giấy chứng nhận", "số gcn đủ điều kiện attp", "giấy chứng nhận đủ điều kiện attp"),
    "tax_code": ("mã số thuế", "mst"),
    "owner": ("chủ cơ sở", "người đại diện", "họ tên chủ cơ sở"),
    "phone": ("điện thoại", "số điện thoại"),
    "address": ("địa chỉ", "địa chỉ cơ sở"),
    "ward": ("mã phường/xã", "mã phường xã", "mã xã", "mã đvhc"),
    "result": ("kết quả", "kết quả kiểm tra", "kết luận"),
    "violation": ("hành vi vi phạm", "vi phạm", "nội dung vi phạm"),
    "legal_basis": ("căn cứ pháp lý", "căn cứ xử phạt", "điều khoản"),
    "fine": ("tiền phạt", "tiền phạt (đồng)", "mức phạt", "mức phạt (đồng)", "số tiền phạt (đồng)"),
    "fines": ("tổng tiền phạt", "tổng tiền phạt (đồng)"),
    "remedy": ("biện pháp khắc phục", "biện pháp khắc phục hậu quả"),
    "remedy_by": ("thời hạn khắc phục", "hạn khắc phục"),
}
"""A column and what its heading may say. What is not here is left out: notes and running numbers."""

NEEDED = ("report", "inspected_on", "establishment", "result")

_BY_HEADING = {heading: name for name, all_headings in COLUMNS.items() for heading in all_headings}


@dataclass(frozen=True)
class Headings:
    """The columns of one file."""

    places: dict[str, int]
    width: int

    @classmethod
    def of(cls, cells: list[str]) -> "Headings":
        """The columns that a row names, if it is the one with the headings. Of two with one meaning the first counts."""
        places: dict[str, int] = {}
        for place, cell in enumerate(cells):
            if name := _BY_HEADING.get(_plain(cell)):
                places.setdefault(name, place)
        return cls(places, len(cells))

    @property
    def missing(self) -> list[str]:
        """Headings without which there is no inspection."""
        return [COLUMNS[name][0] for name in NEEDED if name not in self.places]

    def cell(self, cells: list[str], name: str) -> str | None:
        """What stands in a column; none where nothing does."""
        place = self.places.get(name)
        return None if place is None or place >= len(cells) else unicodedata.normalize("NFC", cells[place]).strip() or None

    def named(self, cells: list[str]) -> dict[str, str]:
        """The row by the names of its columns, without what is empty."""
        found = {name: self.cell(cells, name) for name in self.places}
        return {name: cell for name, cell in found.items() if cell is not None}


def _plain(cell: str) -> str:
    """Composed, in lower case, with single spaces: spreadsheets differ in all three."""
    return " ".join(unicodedata.normalize("NFC", cell).casefold().replace("*", " ").split())
