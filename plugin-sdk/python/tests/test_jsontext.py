import datetime
import unittest

from chancery_plugin.jsontext import MAX_DEPTH, JsonError, parse, render


class Reading(unittest.TestCase):
    def test_what_is_careful_is_read(self):
        self.assertEqual(parse(b'{"a": [1, -2.5, "\xc3\xa4", null, true]}'), {"a": [1, -2.5, "ä", None, True]})
        self.assertEqual(parse("18446744073709551615"), 2**64 - 1)
        self.assertEqual(parse("[" * MAX_DEPTH + "]" * MAX_DEPTH).__class__, list)

    def test_what_readers_would_understand_differently_is_refused(self):
        for text, why in [
            ('{"a": 1, "a": 2}', "a name stands twice in one object"),
            ('{"b": [{"a": 1, "b": 2, "a": 1}]}', "a name stands twice in one object"),
            ("[" * 33 + "]" * 33, "more than 32 levels"),
            ("[" * 100_000, "more than 32 levels"),
            ("18446744073709551616", "a number is too large to be kept exactly"),
            ("-9223372036854775809", "a number is too large to be kept exactly"),
            ("9" * 10_000, "a number is too large to be kept exactly"),
            ("1e400", "a number is too large to be kept exactly"),
            ("9007199254740993.0", "a number is too large to be kept exactly"),
            ("NaN", "NaN is not JSON"),
            ("-Infinity", "-Infinity is not JSON"),
            (b"\xff", "not UTF-8 at byte 0"),
            ("{} {}", "Extra data at line 1 column 4"),
            ("", "Expecting value at line 1 column 1"),
        ]:
            with self.subTest(text=text[:40]), self.assertRaises(JsonError) as caught:
                parse(text)
            self.assertEqual(str(caught.exception), why)

    def test_a_fault_does_not_quote_the_document(self):
        for text in ('{"name": "Amina" x}', '{"Amina": 1, "Amina": 2}'):
            with self.subTest(text=text), self.assertRaises(JsonError) as caught:
                parse(text)
            self.assertNotIn("Amina", repr(caught.exception))
            self.assertIsNone(caught.exception.__cause__)


class Writing(unittest.TestCase):
    def test_an_object_is_written_as_it_is(self):
        self.assertEqual(render({"ä": [1, 1.5, None, (True, "\n")]}, "claims"), '{"ä":[1,1.5,null,[true,"\\n"]]}')

    def test_what_is_not_json_is_named_by_its_place(self):
        deep: dict = {}
        for _ in range(40):
            deep = {"a": deep, "s": {1}}
        circle: list = []
        circle.append(circle)
        for value, why in [
            ([], "claims is a list; a dict is expected"),
            (None, "claims is None; a dict is expected"),
            (
                {"a": [{"b": datetime.date(2026, 1, 1)}]},
                "claims.a[0].b is a date, which JSON does not have: use .isoformat()",
            ),
            ({"a": b"x"}, "claims.a is a bytes, which JSON does not have: decode it, or use an Attachment"),
            ({"a": {1}}, "claims.a is a set, which JSON does not have: use a list"),
            ({"a": object()}, "claims.a is an object, which JSON does not have: use str(…)"),
            ({"a": float("inf")}, "claims.a is inf, which is not JSON"),
            ({"a": {(1,): 2}}, "claims.a has a tuple as a name ((1,)); use texts"),
            ({"a": "\udc00"}, "claims.a has half of a surrogate pair, which is not Unicode"),
        ]:
            with self.subTest(why=why), self.assertRaises(JsonError) as caught:
                render(value, "claims")
            self.assertEqual(str(caught.exception), why)
        for endless in (deep, {"a": circle}):
            with self.assertRaisesRegex(JsonError, "deeper than 32 levels"):
                render(endless, "claims")
