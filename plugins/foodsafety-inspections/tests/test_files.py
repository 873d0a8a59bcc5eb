import random
import unittest

from foodsafety_inspections import HOPELESS_ROWS, Receiver
from lienthong_sdk import Body, Failure, InvalidInput
from lienthong_sdk.testing import Hub
from shared import FIXTURES, HEADINGS, read, sheet

GOOD = "1/BB,03/11/2026,Quán A,Đạt,,,"


class Shapes(unittest.TestCase):
    def test_separators_marks_and_line_ends_make_no_difference(self) -> None:
        expected = read(sheet(GOOD, "2/BB,04/11/2026,Quán B,Không đạt,Không có nước sạch,,5.000.000"))[0]
        self.assertEqual(len(expected), 2)
        plain = sheet(GOOD, "2/BB,04/11/2026,Quán B,Không đạt,Không có nước sạch,,5.000.000")
        for content in (
            b"\xef\xbb\xbf" + plain,
            plain.replace(b",", b";"),
            plain.replace(b",", b"\t"),
            plain.replace(b"\n", b"\r\n"),
            plain.rstrip(b"\n"),
            plain.replace("Số biên bản".encode(), '"Số  BIÊN BẢN"'.encode()),
            b"\xef\xbb\xbf" + "KẾ HOẠCH KIỂM TRA,,,,,,\n,,,,,,\n".encode() + plain,
        ):
            self.assertEqual(read(content), (expected, []))

    def test_headings_that_are_composed_of_parts(self) -> None:
        import unicodedata

        apart = unicodedata.normalize("NFD", sheet(GOOD).decode()).encode()
        self.assertNotEqual(apart, sheet(GOOD))
        self.assertEqual(read(apart)[0], read(sheet(GOOD))[0])

    def test_columns_may_come_from_the_settings(self) -> None:
        records, _ = read(sheet(GOOD), ward="24781", agency="Đội 2")
        self.assertEqual((records[0]["ward"], records[0]["agency"]), ("24781", "Đội 2"))


class Inspections(unittest.TestCase):
    def test_rows_of_one_report_are_one_inspection_and_its_fines_are_summed(self) -> None:
        records, rejects = read(sheet("1/BB,03/11/2026,A,Không đạt,x,Điều 4,1.000.000", "1/BB,,,,y,,2.500.000", "2/BB,03/11/2026,B,Đạt,,,"))
        self.assertEqual(rejects, [])
        self.assertEqual([(r["report"], len(r["violations"]), r["fines_vnd"]) for r in records], [("1/BB", 2, 3_500_000), ("2/BB", 0, 0)])

    def test_a_bad_row_rejects_its_inspection_whole_and_no_other(self) -> None:
        records, rejects = read(
            sheet("1/BB,03/11/2026,A,Không đạt,x,,1.000.000", "1/BB,03/11/2026,A,Không đạt,y,,ba triệu", GOOD.replace("1/BB", "2/BB"))
        )
        self.assertEqual([r["report"] for r in records], ["2/BB"])
        self.assertEqual(
            [(r["at"], r["reason"]) for r in rejects], [("lines 2 to 3", "tiền phạt: `ba triệu` is no sum in whole đồng: write 3.500.000")]
        )
        self.assertEqual(rejects[0]["text"].count("\n"), 2)

    def test_what_is_wrong_is_named(self) -> None:
        for rows, reason in (
            (("1/BB,,A,Đạt,,,",), "`ngày kiểm tra` is empty"),
            ((",03/11/2026,A,Đạt,,,",), "`số biên bản` is empty"),
            (("1/BB,03/11/2026,A,Đạt,,,", "1/BB,03/11/2026,B,Đạt,,,"), "the rows of this report differ in `tên cơ sở`"),
            (("1/BB,03/11/2026,A,Đạt,,,1.000",), "there is a fine or its legal basis, but `hành vi vi phạm` is empty"),
            (("1/BB,03/11/2026,A,Đạt,x, y,,1.000",), "the row has 8 cells and there are 7 headings"),
            (('1/BB,03/11/2026,"A"B,Đạt,,,',), "the row cannot be read"),
        ):
            _, rejects = read(sheet(*rows))
            self.assertEqual(len(rejects), 1, reason)
            self.assertIn(reason, rejects[0]["reason"])

    def test_a_total_must_be_the_sum(self) -> None:
        headings = HEADINGS + ",Tổng tiền phạt"
        rows = ("1/BB,03/11/2026,A,Không đạt,x,,1.000.000,3.000.000", "1/BB,03/11/2026,A,Không đạt,y,,2.000.000,3.000.000")
        self.assertEqual(read(sheet(*rows, headings=headings))[0][0]["fines_vnd"], 3_000_000)
        _, rejects = read(sheet(rows[0], headings=headings))
        self.assertEqual(rejects[0]["reason"], "`tổng tiền phạt` says 3000000, the fines sum to 1000000")


class Damaged(unittest.TestCase):
    def test_what_is_no_such_file_fails_as_a_whole(self) -> None:
        for content, why in (
            (b"", "the file is empty"),
            (b"PK\x03\x04\0\0", "zero bytes"),
            ("Số biên bản".encode("utf-16"), "UTF-16"),
            (b"a,b\n1,2\n", "has the headings: s\u1ed1 bi\u00ean b\u1ea3n"),
            (sheet(GOOD, headings=HEADINGS.replace("Kết quả", "Khác")), "has the headings: k\u1ebft qu\u1ea3$"),
        ):
            with self.assertRaisesRegex(InvalidInput, why):
                read(content)

    def test_another_kind_of_file_ends_after_some_rows(self) -> None:
        rows = [f"{n}/BB,sớm,A,Đạt,,," for n in range(HOPELESS_ROWS + 50)]
        with self.assertRaisesRegex(InvalidInput, f"the first {HOPELESS_ROWS} rows are all bad"):
            read(sheet(*rows))
        self.assertEqual(len(read(sheet(GOOD, *rows))[1]), HOPELESS_ROWS + 50)

    def test_a_row_of_another_charset_and_one_that_never_ends(self) -> None:
        content = sheet(GOOD) + b"2/BB,03/11/2026,Qu\xe1n,\xd0\xe1t,,,\n" + GOOD.replace("1/BB", "3/BB").encode() + b"\n"
        records, rejects = read(content)
        self.assertEqual([r["report"] for r in records], ["1/BB", "3/BB"])
        self.assertIn("not UTF-8", rejects[0]["reason"])
        self.assertIn("Qu\\xe1n", rejects[0]["text"])

        endless = sheet(GOOD) + b'2/BB,"' + b"x\n" * 100_000 + GOOD.replace("1/BB", "3/BB").encode() + b"\n"
        records, rejects = read(endless)
        self.assertIn("never closed", rejects[0]["reason"])
        self.assertEqual(records[0]["report"], "1/BB")

    def test_any_damage_ends_in_records_and_rejections(self) -> None:
        sound = (FIXTURES / "dot-kiem-tra-thang-11.csv").read_bytes()
        for seed in range(400):
            chance = random.Random(seed)
            content = bytearray(sound)
            for _ in range(chance.randrange(1, 8)):
                content[chance.randrange(len(content))] = chance.choice(b'\0\n\r";,' + bytes([chance.randrange(256)]))
            self.survives(bytes(content[: chance.randrange(len(content))] if seed % 4 == 0 else content))

    def test_any_bytes_at_all(self) -> None:
        for seed in range(300):
            chance = random.Random(seed)
            content = chance.randbytes(chance.randrange(400))
            self.survives(content)
            self.survives(sheet() + content)

    def test_a_large_file_is_never_held(self) -> None:
        row = GOOD.replace("1/BB,", "{:07}/BB,").encode()
        count, size = 20_000, len(row.decode().format(0).encode()) + 1
        head = sheet()
        largest = 0

        def read_at(offset: int, most: int) -> bytes:
            nonlocal largest
            largest = max(largest, most)
            if offset < len(head):
                return head[offset : offset + most]
            first, skip = divmod(offset - len(head), size)
            rows = b"".join(row.decode().format(n).encode() + b"\n" for n in range(first, min(count, first + most // size + 2)))
            return rows[skip : skip + most]

        hub = Hub()
        hub.receive(Receiver(), Body(len(head) + count * size, read_at))
        self.assertEqual((len(hub.records("inspections")), hub.rejects), (count, []))
        self.assertLessEqual(largest, 128 << 10)

    def survives(self, content: bytes) -> None:
        """Every record fits its schema, and what goes wrong is a failure with a name: anything else fails the test."""
        try:
            read(content)
        except Failure as failure:
            self.assertIsInstance(failure, InvalidInput)


if __name__ == "__main__":
    unittest.main()
