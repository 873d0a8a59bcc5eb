import unittest

from foodsafety_inspections.values import Fault, day, legal_basis, money, result, ward


class Values(unittest.TestCase):
    def test_days(self) -> None:
        for text, found in (
            ("03/11/2026", "2026-11-03"),
            ("3/1/2026", "2026-01-03"),
            ("29-02-2028", "2028-02-29"),
            ("2026-11-03", "2026-11-03"),
        ):
            self.assertEqual(day(text, "ngày"), found)
        for text in ("31/11/2026", "29/02/2027", "11/2026", "03.11.2026", "2026/11/03", "03/11/26", "٣/11/2026", "03/11/0026"):
            with self.assertRaisesRegex(Fault, "^ngày: "):
                day(text, "ngày")

    def test_money_is_exact(self) -> None:
        for text, found in (
            ("3500000", 3_500_000),
            ("3.500.000", 3_500_000),
            ("3,500,000 đ", 3_500_000),
            ("3 500 000 đồng", 3_500_000),
            ("7.000.000₫", 7_000_000),
            ("500 VNĐ", 500),
            ("0", 0),
            ("-", 0),
            ("1000000000000", 10**12),
        ):
            self.assertEqual(money(text, "tiền"), found, text)
        for text in ("3.500,5", "3.50", "3.500.00", "3,500.000", "1e6", "-500", "ba triệu", "3.500.000 USD", "9999999999999", "٣٥٠"):
            with self.assertRaisesRegex(Fault, "^tiền: ", msg=text):
                money(text, "tiền")

    def test_wards_have_five_digits(self) -> None:
        self.assertEqual(ward("00004", "mã"), "00004")
        for text in ("4", "24781.0", "247811", "٢٤٧٨١"):
            with self.assertRaisesRegex(Fault, "five digits"):
                ward(text, "mã")

    def test_results(self) -> None:
        found = [result(text) for text in ("Đạt", "ĐẠT", "Không  đạt", "Chưa đạt", "Đạt có điều kiện", "Loại B")]
        self.assertEqual(found, ["passed", "passed", "failed", "failed", "other", "other"])

    def test_articles_of_decrees(self) -> None:
        def parts(text: str) -> dict[str, str | int]:
            found = legal_basis(text)
            self.assertEqual(found.pop("legal_basis"), text)
            return found

        whole = {"decree": "115/2018/NĐ-CP", "article": 15, "clause": 2, "point": "đ"}
        self.assertEqual(parts("Điểm đ khoản 2 Điều 15 Nghị định số 115/2018/NĐ-CP"), whole)
        self.assertEqual(parts("điểm đ, KHOẢN 2, điều 15 nđ 115/2018"), whole)
        self.assertEqual(parts("Khoản 1 Điều 4 và khoản 3 Điều 15 NĐ 115/2018/NĐ-CP"), {"decree": "115/2018/NĐ-CP"})
        self.assertEqual(parts("khoản 1, khoản 2 Điều 4"), {"article": 4})
        self.assertEqual(parts("Luật An toàn thực phẩm"), {})


if __name__ == "__main__":
    unittest.main()
