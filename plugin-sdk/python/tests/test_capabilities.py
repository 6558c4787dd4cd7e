import datetime
import decimal
import io
import types
import unittest
import uuid
from dataclasses import make_dataclass
from unittest import mock

from chancery_plugin import (
    Internal,
    InvalidRequest,
    Misconfigured,
    Unavailable,
    _readers,
    files,
    journal,
    kv,
    reveal,
    secrets,
    sign,
    sql,
)
from chancery_plugin._host import Err

_CASES = ["Boolean", "Int", "Float", "Numeric", "Text", "Bytes", "Date", "Time", "Timestamp", "Uuid", "Json"]


def variant(name, *fields):
    return make_dataclass(name, fields)


VALUES = {f"Value_{case}": variant(f"Value_{case}", "value") for case in _CASES} | {"Value_Null": variant("Value_Null")}


def failing(case, carried=None):
    """A function of the host that fails with a case."""
    error = Err()
    error.value = variant(case, "value")(carried)
    return mock.Mock(side_effect=error)


class Sql(unittest.TestCase):
    def run_with(self, *parameters, rows=(), columns=()):
        found = types.SimpleNamespace(columns=list(columns), rows=list(rows), truncated=False)
        host = types.SimpleNamespace(run=mock.Mock(return_value=found), **VALUES)
        with mock.patch.object(sql, "_host", host):
            answer = sql.run("statement", *parameters)
        return answer, host.run.call_args.args[1]

    def test_parameters_go_as_what_they_are(self):
        at = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)
        number = uuid.UUID("12345678-1234-5678-1234-567812345678")
        _, sent = self.run_with(
            None,
            True,
            7,
            1.5,
            "t",
            b"b",
            bytearray(b"c"),
            decimal.Decimal("1E+2"),
            at.date(),
            at.time(),
            at,
            number,
            {"a": ["ü"]},
        )
        shown = [(type(one).__name__.removeprefix("Value_"), getattr(one, "value", None)) for one in sent]
        self.assertEqual(
            shown,
            [
                ("Null", None), ("Boolean", True), ("Int", 7), ("Float", 1.5), ("Text", "t"), ("Bytes", b"b"), ("Bytes", b"c"),
                ("Numeric", "100"), ("Date", "2026-01-02"), ("Time", "03:04:05"), ("Timestamp", "2026-01-02T03:04:05+00:00"),
                ("Uuid", str(number)), ("Json", '{"a": ["ü"]}'),
            ],
        )  # fmt: skip

    def test_what_is_no_database_value_reaches_no_database(self):
        for wrong in (2**63, -(2**63) - 1, object(), 1j):
            with self.subTest(wrong=wrong), self.assertRaises(sql.SqlError) as caught:
                self.run_with(wrong)
            self.assertEqual(caught.exception.kind, "bad-parameter")

    def test_rows_are_dicts(self):
        value = {name.removeprefix("Value_"): made for name, made in VALUES.items()}
        row = [value["Text"]("x"), value["Null"](), value["Json"]('{"b": 1}'), value["Numeric"]("1.50")]
        found, _ = self.run_with(columns=["a", "b", "c", "d"], rows=[row])
        self.assertEqual(found.first(), {"a": "x", "b": None, "c": {"b": 1}, "d": "1.50"})
        self.assertEqual((len(found), list(found)), (1, [found.first()]))
        self.assertIsNone(self.run_with()[0].first())

    def test_json_of_a_column_is_read_strictly(self):
        row = [VALUES["Value_Text"]("x"), VALUES["Value_Json"]('{"Amina": 1, "Amina": 2}')]
        with self.assertRaises(sql.SqlError) as caught:
            self.run_with(columns=["a", "b"], rows=[row])
        self.assertEqual(caught.exception.kind, "bad-json")
        self.assertIsInstance(failed := caught.exception.as_plugin_error(), Misconfigured)
        self.assertEqual(failed.detail, "the JSON of column b cannot be read: a name stands twice in one object")

    def test_failures_are_sorted_by_who_can_mend_them(self):
        def error(case, carried=None):
            with mock.patch.object(
                sql, "_host", types.SimpleNamespace(run=failing(f"SqlError_{case}", carried), **VALUES)
            ):
                with self.assertRaises(sql.SqlError) as caught:
                    sql.run("statement")
            return caught.exception.as_plugin_error()

        def database(code):
            return error("Database", types.SimpleNamespace(code=code, message="key 4711 exists"))

        for passing in (
            error("Timeout"),
            error("Unavailable", "x"),
            database("40001"),
            database("08006"),
            database("57P01"),
        ):
            self.assertIsInstance(passing, Unavailable)
        for lasting in (
            error("UnknownStatement", ["a"]),
            error("BadParameter", "x"),
            error("TooLarge", 7),
            database("23505"),
        ):
            self.assertIsInstance(lasting, Misconfigured)
        self.assertIsInstance(database("22P02"), InvalidRequest)
        self.assertNotIn("4711", database("23505").detail)
        self.assertIn("4711", database("42P01").detail)
        self.assertIn("[grants.sql.statements.<name>]", error("UnknownStatement", []).detail)


class Errors(unittest.TestCase):
    """Each case of each interface, and what becomes of it where nobody catches it."""

    def caught(self, module, function, case, carried, *arguments):
        host = types.SimpleNamespace(**{function: failing(case, carried)})
        with mock.patch.object(module, "_host", host), self.assertRaises(Exception) as caught:
            getattr(module, function)(*arguments)
        return caught.exception

    def test_all(self):
        for module, function, arguments, case, carried, kind, becomes, told in [
            (kv, "get", ("k",), "KvError_BadKey", None, "bad-key", Internal, "512 bytes"),
            (kv, "put", ("k", "v"), "KvError_TooLarge", 7, "too-large", Misconfigured, "7 bytes"),
            (kv, "delete", ("k",), "KvError_Unavailable", "gone", "unavailable", Unavailable, "gone"),
            (
                sign,
                "jwt",
                ("k", {}),
                "SignError_NotGranted",
                None,
                "not-granted",
                Misconfigured,
                "[grants.sign.keys.<name>]",
            ),
            (sign, "mac", ("k", b""), "SignError_WrongPurpose", "jwt", "wrong-purpose", Misconfigured, '"jwt"'),
            (sign, "detached_jws", ("k", b""), "SignError_BadInput", "x", "bad-input", Internal, "refused: x"),
            (sign, "jwt", ("k", {}), "SignError_Unavailable", "x", "unavailable", Unavailable, "does not answer: x"),
            (secrets, "get", ("s",), "SecretError_NotGranted", None, "not-granted", Misconfigured, "[grants.secrets]"),
            (secrets, "get", ("s",), "SecretError_Unavailable", "no file", "unavailable", Unavailable, "s: no file"),
            (journal, "append", ("x",), "JournalError_Full", 7, "full", Misconfigured, "7 bytes"),
            (journal, "rotate", (), "JournalError_Unavailable", "/var: full", "unavailable", Unavailable, "/var: full"),
        ]:
            with self.subTest(case=case):
                error = self.caught(module, function, case, carried, *arguments)
                self.assertEqual(error.kind, kind)
                failure = error.as_plugin_error()
                self.assertIs(type(failure), becomes)
                self.assertIn(told, failure.detail)
                self.assertNotIn("/var", failure.message)

    def test_a_file_that_is_not_granted_is_told_with_those_that_are(self):
        error = self.caught(files, "open", "FileError_NotGranted", ["/a", "/b"], "/c")
        self.assertIn('no file is granted as "/c" (granted: /a, /b)', error.as_plugin_error().detail)

    def test_claims_that_are_no_json_reach_no_key(self):
        with self.assertRaises(sign.SignError) as caught:
            sign.jwt("k", {"at": datetime.date(2026, 1, 1)})
        self.assertEqual(caught.exception.kind, "bad-input")

    def test_what_the_host_cannot_take_is_said_with_its_place(self):
        half = "has half of a surrogate pair"
        for module, function, arguments, kind, told in [
            (kv, "get", (5,), TypeError, "the key is an int; a str is expected"),
            (kv, "get", ("\ud800",), ValueError, f"the key {half}"),
            (kv, "put", ("k", 5), TypeError, "the value is an int; bytes or a str are expected"),
            (kv, "put", ("k", "v", "60"), TypeError, "seconds or a timedelta are expected, not a str"),
            (kv, "delete", (b"k",), TypeError, "the key is a bytes"),
            (files, "open", (None,), TypeError, "the path is None"),
            (secrets, "get", ("\udfff",), ValueError, f"the name {half}"),
            (sign, "jwt", (5, {}), TypeError, "the key is an int"),
            (sign, "mac", ("k", 5), TypeError, "the message is an int"),
            (sign, "detached_jws", ("k", None), TypeError, "the payload is None"),
            (journal, "append", (5,), TypeError, "what is appended is an int"),
            (journal, "append_lines", (["a", "\ud800"],), ValueError, f"a line {half}"),
            (sql, "run", (5,), TypeError, "the statement is an int"),
            (sql, "run", ("s", "\ud800"), ValueError, f"a parameter {half}"),
            (sql, "run", ("s", {"a": "\ud800"}), ValueError, f"a parameter {half}"),
        ]:
            host = mock.Mock(**VALUES)
            with self.subTest(told=told), mock.patch.object(module, "_host", host), self.assertRaises(kind) as caught:
                getattr(module, function)(*arguments)
            self.assertIn(told, str(caught.exception))
            self.assertEqual(host.method_calls, [])

    def test_outside_of_a_component_the_host_is_missed_by_name(self):
        with self.assertRaisesRegex(RuntimeError, "kv.get needs the host"):
            kv.get("k")


class Values(unittest.TestCase):
    def test_times_to_live_are_milliseconds(self):
        host = types.SimpleNamespace(put=mock.Mock())
        with mock.patch.object(kv, "_host", host):
            for ttl in (None, 1.5, datetime.timedelta(minutes=1), 10**20, -1):
                kv.put("k", "ü", ttl=ttl)
        sent = [call.args for call in host.put.call_args_list]
        self.assertEqual([ttl for _, _, ttl in sent], [None, 1500, 60_000, 2**64 - 1, 0])
        self.assertTrue(all(value == "ü".encode() for _, value, _ in sent))

    def test_a_revealed_value_is_not_printed(self):
        host = types.SimpleNamespace(reveal=lambda handle: b"hunter2")
        with mock.patch.object(reveal, "_host", host):
            value = reveal.reveal(secrets.Secret("token", object()))
        self.assertEqual((repr(value), str(value), f"{value}"), ("Revealed(…)",) * 3)
        self.assertEqual((value.expose(), value.expose_text()), (b"hunter2", "hunter2"))

    def test_lines_are_appended_as_many_at_once_as_there_is_room_for(self):
        host = types.SimpleNamespace(append=mock.Mock())
        with mock.patch.object(journal, "_host", host):
            journal.append_lines([])
            journal.append_lines(["a" * 700_000, "b" * 300_000, "c" * 700_000, "d"])
        sizes = [len(call.args[0]) for call in host.append.call_args_list]
        self.assertEqual(sizes, [1_000_002, 700_003])


class Files(unittest.TestCase):
    def test_bytes_of_the_host_are_a_file(self):
        content = "".join(f"{number:07}\n" for number in range(400_000)).encode()
        asked = []

        def read_at(offset, length):
            asked.append(length)
            return content[offset : offset + length]

        file = _readers.buffered(len(content), read_at)
        self.assertEqual(file.readline(), b"0000000\n")
        file.seek(-8, io.SEEK_END)
        self.assertEqual(file.read(), b"0399999\n")
        file.seek(0)
        self.assertEqual(file.read(), content)
        self.assertLessEqual(max(asked), 1 << 20)
        self.assertLess(len(asked), 100)
        self.assertEqual(file.read(1), b"")
        with self.assertRaises(ValueError):
            _readers.Raw(3, read_at).seek(-1)
