import datetime
import io
import logging
import os
import sys
import tempfile
import types
import unittest
from unittest import mock

from chancery_plugin import (
    Attachment,
    AuditSink,
    Credential,
    Data,
    DataProvider,
    Event,
    NotFound,
    Problem,
    Receipt,
    Rejection,
    Request,
    Ticket,
    Unavailable,
    _answers,
    _entry,
    _failure,
    _output,
    _preload,
    log,
    pointer,
)
from chancery_plugin._host import MissingImport, case
from chancery_plugin.errors import milliseconds


class Provider(DataProvider):
    name, version, summary = "people", "0.1.0", "Tells."

    def fetch(self, request, config):
        raise NotFound("Nobody.")


class Answers(unittest.TestCase):
    def test_what_is_right_is_as_plain_as_the_contract(self):
        end = datetime.datetime(1970, 1, 2, tzinfo=datetime.timezone.utc)
        data = Data({"a": 1}, [Attachment("photo", "image/png", bytearray(b"x"))], end)
        self.assertEqual(_answers.data(data), ('{"a":1}', [("photo", "image/png", b"x")], 86_400))
        self.assertEqual(
            _answers.issuance("issue", Credential("ldp_vc", "ü")), ("issued", ("ldp_vc", "ü".encode(), None, "{}"))
        )
        self.assertEqual(_answers.issuance("poll", Ticket(b"t", 1.5)), ("pending", (b"t", 1500)))
        receipt = Receipt(delivered=["1"], rejected=[Rejection("2", "no")])
        self.assertEqual(_answers.receipt(receipt), (["1"], [("2", "no")]))
        self.assertEqual(_answers.problems(iter([Problem("/a", "x")])), [("/a", "x")])
        self.assertEqual((_answers.problems(()), _answers.prepared(None), _answers.prepared(b"x")), ([], b"", b"x"))

    def test_what_is_not_is_said_with_what_is_expected(self):
        for check, answer, said in [
            (_answers.data, None, "fetch returned None; Data(claims) is expected"),
            (_answers.data, [1], "fetch returned a list; Data(claims) is expected"),
            (_answers.data, Data("x"), "Data.claims is a str; a dict is expected"),
            (_answers.data, Data({}, {}), "Data.attachments is a dict; a list is expected"),
            (_answers.data, Data({}, [b""]), "Data.attachments holds a bytes; Attachment(name, media_type, content) is expected"),
            (_answers.data, Data({}, [Attachment(1, "", b"")]), "Attachment.name is an int; a str is expected"),
            (_answers.data, Data({}, valid_until=-1), "Data.valid_until is an int (-1); seconds since 1970 as an int, or a datetime, are expected"),
            (_answers.data, Data({}, valid_until=True), "Data.valid_until is a bool (True); seconds since 1970 as an int, or a datetime, are expected"),
            (_answers.prepared, {"a": 1}, "prepare returned a dict; bytes are expected"),
            (_answers.prepared, "text", "prepare returned a str; bytes are expected"),
            (_answers.receipt, True, "deliver returned a bool; Receipt(delivered, rejected) is expected"),
            (_answers.receipt, Receipt(delivered="e1"), "Receipt holds a str; lists are expected"),
            (_answers.receipt, Receipt(delivered=[1]), "Receipt.delivered[…] is an int; a str is expected"),
            (_answers.receipt, Receipt(rejected=["e1"]), "Receipt.rejected holds a str; Rejection(id, reason) is expected"),
            (_answers.problems, "wrong", "validate returned a str; a list of Problem(path, message) is expected, empty for none"),
            (_answers.problems, None, "validate returned None; a list of Problem(path, message) is expected, empty for none"),
            (_answers.problems, ["/a"], "validate returned a list with a str; a list of Problem(path, message) is expected"),
        ]:  # fmt: skip
            with self.subTest(said=said), self.assertRaises(_answers.WrongAnswer) as caught:
                check(answer)
            self.assertEqual(str(caught.exception), said)
        with self.assertRaisesRegex(_answers.WrongAnswer, r"issue returned None; Credential\(format, body\) or Ticket"):
            _answers.issuance("issue", None)
        for wait, said in (("5", "a str"), (True, "a bool"), (None, "None"), (float("nan"), "a float")):
            with self.assertRaisesRegex(
                _answers.WrongAnswer, f"Ticket.retry_after is {said}; seconds or a timedelta are expected"
            ):
                _answers.issuance("issue", Ticket(b"", wait))

    def test_texts_of_answers_have_only_what_unicode_has(self):
        credential = Credential("ldp_vc\ud800", "\ud800", external_id="e\udfff")
        self.assertEqual(_answers.issuance("issue", credential), ("issued", ("ldp_vc?", b"?", "e?", "{}")))

    def test_durations_are_cut_to_what_the_contract_can_say(self):
        self.assertEqual(milliseconds(datetime.timedelta(days=400), 32), 2**32 - 1)
        self.assertEqual(
            (milliseconds(-1, 32), milliseconds(0.0004, 32), milliseconds(float("inf"), 32)), (0, 0, 2**32 - 1)
        )


class Failures(unittest.TestCase):
    def described(self, work, calling=True):
        with mock.patch.object(_failure, "calling", calling):
            try:
                work()
            except BaseException as error:
                return _failure.describe(error)
        self.fail("nothing was raised")

    def test_a_call_says_it_in_one_line_and_a_build_in_several(self):
        def inner():
            {}["x"]

        def outer():
            try:
                inner()
            except KeyError as error:
                raise ValueError("outer") from error

        here = __file__
        said = self.described(outer)
        self.assertRegex(
            said, rf"^ValueError: outer at {here}:\d+ in outer, .*; caused by KeyError: 'x' at {here}:\d+ in inner, "
        )
        self.assertNotIn("\n", said)
        self.assertRegex(self.described(inner, calling=False), rf"^KeyError: 'x'\n  at {here}:\d+ in inner\n  at ")

    def test_it_fits_into_a_detail(self):
        def large():
            raise ValueError("é" * 10_000)

        self.assertLessEqual(len(self.described(large).encode()), _failure.MAX_DETAIL)

    def test_a_recursion_is_one_line(self):
        def again():
            again()

        self.assertRegex(self.described(again), r"in again \(\d+ times\)")

    def test_an_exception_that_cannot_say_itself_has_a_name(self):
        class Mute(Exception):
            def __str__(self):
                raise RuntimeError("no")

        def mute():
            raise Mute()

        self.assertTrue(self.described(mute).startswith("Mute at "))

    def test_files_are_those_of_the_project(self):
        with mock.patch.dict(_failure.folders, {"/1": "src", "/2": ""}, clear=True):
            self.assertEqual(_failure.file("/1/a/b.py"), "src/a/b.py")
            self.assertEqual(_failure.file("/2/plugin.py"), "plugin.py")
            self.assertEqual(_failure.file("/10/c.py"), "/10/c.py")

    def test_errors_show_their_public_text_alone(self):
        error = Unavailable("Later.", detail="row 7", retry_after=5)
        self.assertEqual((str(error), error.detail, error.retry_after), ("Later.", "row 7", 5))

    def test_cases_have_the_contracts_names(self):
        made = type("ErrorCode_HttpRequestUriTooLong", (), {"value": 7})()
        self.assertEqual(case(made), ("http-request-uri-too-long", 7))


class Output(unittest.TestCase):
    def test_lines_are_kept_together_and_the_last_one_is_not_lost(self):
        lines = []
        stream = _output.LogStream(lines.append)
        print("a", end="", file=stream)
        print("b\nc\n\n  \nd", end="", file=stream)
        self.assertEqual(lines, ["ab", "c"])
        _output.finish()
        self.assertEqual(lines, ["ab", "c", "d"])
        stream.write("x" * 10_000)
        self.assertEqual(len(lines[-1]), 10_000)

    def test_a_wrong_call_of_logging_is_a_line_about_itself(self):
        class Mute:
            def __str__(self):
                raise RuntimeError("no")

        root = logging.getLogger()
        with mock.patch.object(root, "handlers", []), mock.patch.object(root, "level", logging.WARNING):
            _output._redirect_logging(logging)
            for message, arguments, told in [
                ("%d", ("Ada",), "a wrong call of logging: %d"),
                ("%s", ("Ada", "Otieno"), "a wrong call of logging: %s"),
                ("none", ("Ada",), "a wrong call of logging: none"),
                ("%(name)s", ({"nam": "Ada"},), "a wrong call of logging: %(name)s"),
                (Mute(), (), "a wrong call of logging: a Mute"),
                ("%s", (Mute(),), "a wrong call of logging: %s"),
            ]:
                with self.subTest(told=told), mock.patch.object(_output.log, "error") as error:
                    logging.getLogger("a.b").error(message, *arguments)
                [call] = error.call_args_list
                self.assertEqual((call.args[0], call.kwargs["logger"]), (told, "a.b"))
                self.assertRegex(call.kwargs["at"], r"test_component\.py:\d+$")
                # What was to be logged may be about a person.
                self.assertNotIn("Ada", f"{call.args} {call.kwargs}")
            with mock.patch.object(_output.log, "warn") as warn:
                logging.warning("%d of %s", 1, "two")
            warn.assert_called_once_with("1 of two")

    def test_a_line_never_fails(self):
        class Mute:
            def __str__(self):
                raise RuntimeError("no")

        said = io.StringIO()
        with mock.patch.object(sys, "stdout", said):
            log.info("\ud800", **{"\udfff": Mute(), "b": "\ud800"})
            log.info(Mute())
        self.assertEqual(said.getvalue(), "info ? ?=a Mute b=?\ninfo a Mute\n")


class Finding(unittest.TestCase):
    """What is said of an author's module."""

    def found(self, kind="data-provider", **members):
        module = types.ModuleType("plugin")
        for name, value in members.items():
            value.__module__ = "plugin"
            setattr(module, name, value)
        return _entry._class(module, "src/plugin.py", kind)

    def said(self, work):
        with self.assertRaises(_entry.AuthorError) as caught:
            work()
        return f"{caught.exception}\n{caught.exception.hint}"

    def test_the_one_class_is_found_behind_its_helpers(self):
        class Base(DataProvider):
            pass

        class Real(Base):
            def fetch(self, request, config):
                return Data({})

        self.assertIs(self.found(Base=Base, Real=Real), Real)

    def test_none_two_and_one_of_another_kind(self):
        self.assertEqual(
            self.said(self.found),
            "src/plugin.py has no plugin\nIt needs a class that derives from DataProvider:\n"
            "  from chancery_plugin import DataProvider\n\n  class MyPlugin(DataProvider):\n      …",
        )
        other = type("Other", (DataProvider,), {})
        self.assertEqual(
            self.said(lambda: self.found(Provider=Provider, Other=other)),
            "src/plugin.py has several plugins: Other and Provider\n"
            "One component is one plugin: keep one class, and move the others into projects of their own",
        )
        self.assertEqual(
            self.said(lambda: self.found("audit", Provider=Provider)),
            "src/plugin.py: Provider is a DataProvider, and wit/world.wit describes an audit plugin\n"
            "Derive from AuditSink, or include the world of such a plugin in wit/world.wit",
        )

    def test_methods_that_are_missing_or_take_something_else(self):
        class Empty(DataProvider):
            pass

        class Short(DataProvider):
            def fetch(self, request):
                return Data({})

        class Late(AuditSink):
            async def deliver(self, events, config):
                return Receipt()

        class Easy(DataProvider):
            def fetch(self, *arguments):
                return Data({})

            def health(self, config, more=None):
                pass

        self.assertEqual(
            self.said(lambda: _entry._check_methods(Empty)),
            "Empty has no fetch\nAdd to the class:\n  def fetch(self, request, config):",
        )
        self.assertRegex(
            self.said(lambda: _entry._check_methods(Short)),
            r"^.*test_component\.py:\d+: Short\.fetch takes 1 argument besides self\n"
            r"It is called with 2: def fetch\(self, request, config\)$",
        )
        self.assertIn(
            "Late.deliver is `async def`\nThe host calls it like any other",
            self.said(lambda: _entry._check_methods(Late)),
        )
        _entry._check_methods(Easy)
        _entry._check_methods(Provider)

    def test_a_plugin_says_who_it_is(self):
        self.assertEqual(
            _entry._description(Provider),
            '{"name": "people", "version": "0.1.0", "summary": "Tells.", "config_schema": null}',
        )
        for member in ("name", "version", "summary"):
            for wrong in (None, "", 7):
                said = self.said(lambda: _entry._description(type("P", (Provider,), {member: wrong})))
                self.assertTrue(said.startswith(f"P has no {member}\nAdd to the class, as a text: {member} = "), said)
        schema = type("P", (Provider,), {"config_schema": {"a": {1}}})
        self.assertIn("P.config_schema is not JSON", self.said(lambda: _entry._description(schema)))

    def test_a_module_of_pythons_own_name_is_refused(self):
        for name in ("json", "random", "wit_world", "chancery_plugin"):
            said = self.said(lambda: _entry._export(name, f"src/{name}.py", "audit"))
            self.assertIn(
                f"src/{name}.py has the name of a module that is there already: {name}\nRename the file", said
            )

    def test_a_capability_that_the_world_lacks_is_named_with_its_line(self):
        self.assertEqual(
            "\n".join(_entry._explain(MissingImport("sql"), "src/plugin.py")),
            "src/plugin.py uses chancery_plugin.sql, which wit/world.wit does not ask for\n"
            "Where the plugin needs it, add to the world, so that operators see what they grant:\n"
            "  import chancery:host/sql@0.1.0;\nElse remove the code that uses it",
        )
        _, hint = _entry._explain(MissingImport("http"), "src/plugin.py")
        self.assertIn("  import wasi:http/outgoing-handler@0.2.12;\n", hint)

    def test_a_failure_is_printed_for_the_build_and_ends_it(self):
        said = io.StringIO()
        with mock.patch.object(sys, "__stderr__", said), self.assertRaises(SystemExit):
            _entry.export("json", "src/json.py", "audit")
        lines = said.getvalue().splitlines()
        self.assertEqual((lines[0], lines[-1]), (_entry.BEGIN, _entry.END))


class Preloading(unittest.TestCase):
    def test_imports_are_found_wherever_they_stand(self):
        source = "import a.b as c\ndef f():\n    from d import e, g as h\n    from . import i\n    from ..j.k import l\n    from m import *\n"
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "inner.py")
            with open(path, "w") as file:
                file.write(source)
            found = list(_preload._imports("x.y.inner", path))
        for name in ("a.b", "d", "d.e", "d.g", "x.y", "x.y.i", "x.j.k", "x.j.k.l", "m"):
            self.assertIn(name, found)

    def test_what_is_not_there_is_left_to_the_statement_itself(self):
        _preload._try("no.such.module.at.all")
        self.assertNotIn("no", sys.modules)


class Problems(unittest.TestCase):
    def test_a_pointer_keeps_names_apart(self):
        self.assertEqual(pointer("people", 0, "a/b~c"), "/people/0/a~1b~0c")
        self.assertEqual(pointer(), "")


class Events(unittest.TestCase):
    def test_an_event_has_one_form_in_one_order(self):
        event = Event(
            "e1", 7, 1_700_000_000_042, None, "credential.issue", "denied", "a\nb", "o", "", {"reason": '"x"'}
        )
        self.assertEqual(
            list(event.to_json().items()),
            [
                ("id", "e1"), ("sequence", 7), ("time", "2023-11-14T22:13:20.042Z"), ("issuer_id", None),
                ("action", "credential.issue"), ("outcome", "denied"), ("actor", "a\nb"), ("object", "o"),
                ("request_id", None), ("detail", {"reason": '"x"'}),
            ],
        )  # fmt: skip

    def test_a_receipt_names_what_became_of_each_event(self):
        events = [Event(id, 1, 0, None, "a", "failed", "", "", "", {}) for id in ("e1", "e2")]
        self.assertEqual(Receipt.of_delivered(events).delivered, ["e1", "e2"])
        self.assertEqual(Receipt.of_rejected(events, "no").rejected, [Rejection("e1", "no"), Rejection("e2", "no")])

    def test_a_request_for_tests_says_only_what_it_is_about(self):
        self.assertEqual(Request.about("x", locales=["de"]).subject.id, "x")
