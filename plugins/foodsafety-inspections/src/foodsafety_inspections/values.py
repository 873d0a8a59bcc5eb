"""Cells as values: days, money, results, and the articles of decrees."""

import datetime
import re


class Fault(Exception):
    """Why an inspection is no record; it is rejected with this reason."""


RESULTS = {
    "đạt": "passed",
    "đạt yêu cầu": "passed",
    "không đạt": "failed",
    "chưa đạt": "failed",
    "không đạt yêu cầu": "failed",
}

_DAY = re.compile(r"(\d{1,2})[/-](\d{1,2})[/-](\d{4})", re.ASCII)
_ISO_DAY = re.compile(r"(\d{4})-(\d{2})-(\d{2})", re.ASCII)
_MONEY = re.compile(r"([0-9]{1,3}(?:([., \u00a0])[0-9]{3}(?:\2[0-9]{3})*)?|[0-9]+)\s*(?:đồng|đ|₫|vnđ|vnd)?", re.IGNORECASE)
_WARD = re.compile(r"\d{5}", re.ASCII)
_DECREE = re.compile(r"(?:nghị định|nđ)\s*(?:số\s*)?(\d{1,4}/\d{4}(?:/nđ-cp)?)", re.IGNORECASE)
_ARTICLE = re.compile(r"điều\s+(\d{1,3})", re.IGNORECASE)
_CLAUSE = re.compile(r"khoản\s+(\d{1,2})", re.IGNORECASE)
_POINT = re.compile(r"điểm\s+([a-zđ])(?!\w)", re.IGNORECASE)

MOST_VND = 10**12
"""More than a city fines in a year: what is beyond it is a slip of the pen."""


def day(text: str, heading: str) -> str:
    """A day as ``yyyy-mm-dd``, from ``dd/mm/yyyy`` or from that itself."""
    if match := _DAY.fullmatch(text):
        number, month, year = (int(part) for part in match.groups())
    elif match := _ISO_DAY.fullmatch(text):
        year, month, number = (int(part) for part in match.groups())
    else:
        raise Fault(f"{heading}: `{text[:40]}` is no day: write dd/mm/yyyy")
    try:
        found = datetime.date(year, month, number)
    except ValueError:
        raise Fault(f"{heading}: there is no day {text[:40]}") from None
    if not 1990 <= year <= 2200:
        raise Fault(f"{heading}: {text[:40]} is in no year of this office")
    return found.isoformat()


def money(text: str, heading: str) -> int:
    """Whole đồng, exact: ``3.500.000``, ``3500000 đ``. A dash is nothing."""
    if text in ("-", "–"):
        return 0
    match = _MONEY.fullmatch(text)
    if match is None:
        raise Fault(f"{heading}: `{text[:40]}` is no sum in whole đồng: write 3.500.000")
    amount = int(re.sub(r"\D", "", match[1], flags=re.ASCII))
    if amount > MOST_VND:
        raise Fault(f"{heading}: {text[:40]} is more than {MOST_VND} đồng")
    return amount


def ward(text: str, heading: str) -> str:
    """The five digits of a ward, commune or special zone. Zeros count."""
    if _WARD.fullmatch(text) is None:
        raise Fault(f"{heading}: `{text[:40]}` is no code of five digits; a spreadsheet eats leading zeros")
    return text


def result(text: str) -> str:
    """``passed``, ``failed``, or ``other`` for what is neither."""
    return RESULTS.get(" ".join(text.casefold().split()), "other")


def legal_basis(text: str) -> dict[str, str | int]:
    """The text, and of an article of a decree its parts: Điểm a khoản 1 Điều 5 Nghị định 115/2018/NĐ-CP."""
    found: dict[str, str | int] = {"legal_basis": text}
    if match := _DECREE.search(text):
        number = match[1].upper()
        found["decree"] = number if number.endswith("/NĐ-CP") else f"{number}/NĐ-CP"
    articles = _ARTICLE.findall(text)
    # Of several articles none is the one: the text says it all.
    if len(articles) == 1:
        found["article"] = int(articles[0])
        if len(clauses := _CLAUSE.findall(text)) == 1:
            found["clause"] = int(clauses[0])
            if len(points := _POINT.findall(text)) == 1:
                found["point"] = points[0].lower()
    return found
