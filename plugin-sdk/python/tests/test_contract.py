"""What the component's exports make of an author's errors, with bindings that stand for the generated ones."""

import datetime
import gc
import importlib
import sys
import types
import unittest
import weakref
from dataclasses import make_dataclass
from unittest import mock

from chancery_plugin import Denied, Internal, InvalidRequest, Misconfigured, NotFound, Unavailable, _failure, _memory
from chancery_plugin.errors import CapabilityError

_CASES = ("NotFound", "Denied", "InvalidRequest", "Unavailable", "Misconfigured", "Internal")


def bindings():
    contract = types.ModuleType("wit_world.imports.contract")
    contract.Problem = make_dataclass("Problem", ["message", "detail"])
    contract.Retry = make_dataclass("Retry", ["problem", "after_ms"])
    for case in _CASES:
        setattr(contract, f"Error_{case}", make_dataclass(f"Error_{case}", ["value"]))
    imports, exports = types.ModuleType("wit_world.imports"), types.ModuleType("wit_world.exports")
    imports.contract, imports.config, imports.blobs = contract, mock.Mock(), mock.Mock()
    exports.lifecycle = types.SimpleNamespace(ConfigProblem=make_dataclass("ConfigProblem", ["path", "message"]))
    return {
        "componentize_py_runtime": types.SimpleNamespace(call_import=None),
        "componentize_py_types": types.SimpleNamespace(Ok=None),
        "wit_world": types.ModuleType("wit_world"),
        "wit_world.imports": imports,
        "wit_world.exports": exports,
    }


with mock.patch.dict(sys.modules, bindings()):
    component = importlib.import_module("chancery_plugin._component")
    rehearsal = importlib.import_module("chancery_plugin._rehearsal")


class Mute:
    def __str__(self):
        raise RuntimeError("no")


class Bare(NotFound):
    """An author's own class that forgets about the base's members."""

    def __init__(self):
        pass


class Ended:
    def __str__(self):
        raise SystemExit(3)


def changed(error, **members):
    for name, value in members.items():
        setattr(error, name, value)
    return error


class Circle:
    """What only a look for unreachable objects finds."""

    def __init__(self):
        self.myself = self


class Sweeping(unittest.TestCase):
    def setUp(self):
        self.addCleanup(_memory.unused)
        _memory.unused()
        self.addCleanup(gc.enable)
        gc.disable()

    def call(self):
        """A call that leaves a circle behind."""
        with mock.patch.object(component, "plugin", Circle):
            return weakref.ref(component._made())

    def test_a_call_finds_nothing_of_earlier_ones(self):
        left = [self.call() for _ in range(3)]
        self.assertEqual([circle() is None for circle in left], [True, True, False])

    def test_a_sandbox_that_is_used_once_looks_for_nothing(self):
        with mock.patch.object(gc, "collect") as collect:
            self.call()
            collect.assert_not_called()
            self.call()
            collect.assert_called_once_with()

    def test_a_rehearsal_is_no_call(self):
        calls = {"audit": [lambda: component._made()]}
        with mock.patch.multiple(rehearsal, _CALLS=calls, _rehearse_sql=mock.Mock()):
            rehearsal.rehearse("audit")
        with mock.patch.object(gc, "collect") as collect:
            self.call()
        collect.assert_not_called()


class Errors(unittest.TestCase):
    def failure(self, raised):
        def work():
            raise raised

        with mock.patch.object(_failure, "calling", True), self.assertRaises(component.Err) as caught:
            component._run(work)
        return caught.exception.args[0]

    def checked(self, error):
        """Name, problem and wait of a failure, each of the form that the contract has."""
        retry = error.value if hasattr(error.value, "problem") else None
        problem = retry.problem if retry else error.value
        self.assertIs(type(problem.message), str)
        problem.message.encode()
        self.assertLessEqual(len(problem.message.encode()), 4096)
        if problem.detail is not None:
            self.assertLessEqual(len(problem.detail.encode()), 4096)
        after = retry.after_ms if retry else None
        self.assertTrue(after is None or (type(after) is int and 0 <= after < 2**32), after)
        return type(error).__name__.removeprefix("Error_"), problem, after

    def test_a_typed_error_stays_what_it_is_whatever_it_holds(self):
        odd = {5: "5", None: "None", "": "", "\ud800x": "?x", b"x": "b'x'", 1.5: "1.5", (): "()"}
        for kind in (NotFound, Denied, InvalidRequest, Unavailable, Misconfigured, Internal):
            for message, shown in odd.items():
                with self.subTest(kind=kind.__name__, message=message):
                    name, problem, _ = self.checked(self.failure(kind(message, detail=message)))
                    self.assertEqual((name, problem.message), (kind.__name__, shown))
                    self.assertEqual(problem.detail, None if message is None else shown)

    def test_neither_size_nor_a_str_that_raises_ends_the_sandbox(self):
        for value in ("é" * (1 << 20), object(), Mute(), Ended(), ["\udfff"] * 100_000):
            for error in (NotFound(value, detail=value), changed(NotFound("x"), message=value, detail=value)):
                with self.subTest(type=type(value).__name__):
                    self.assertEqual(self.checked(self.failure(error))[0], "NotFound")
        self.assertEqual(self.checked(self.failure(NotFound(Mute())))[1].message, "a Mute")

    def test_a_wait_that_is_no_duration_is_none_and_the_log_says_so(self):
        for wait, after in [
            (None, None), (30, 30_000), (1.5, 1500), (datetime.timedelta(minutes=1), 60_000), (-5, 0), (10**400, 2**32 - 1),
            (float("inf"), 2**32 - 1), (float("nan"), None), ("30", None), ("", None), (True, None), (b"5", None), ([5], None),
            (object(), None), (1j, None),
        ]:  # fmt: skip
            with self.subTest(wait=wait), mock.patch.object(component.log, "warn") as warn:
                name, _, found = self.checked(self.failure(Unavailable("Later.", retry_after=wait)))
                self.assertEqual((name, found, warn.called), ("Unavailable", after, after is None and wait is not None))

    def test_a_broken_error_is_a_defect_with_its_name(self):
        broken = type("Broken", (NotFound,), {"message": property(lambda self: 1 / 0, lambda self, value: None)})
        for error, told in [
            (Bare(), "AttributeError: 'Bare' object has no attribute 'detail'"),
            (CapabilityError("x"), "NotImplementedError"),
            (broken("x"), "ZeroDivisionError"),
        ]:
            with self.subTest(told=told):
                name, problem, _ = self.checked(self.failure(error))
                self.assertEqual((name, problem.message), ("Internal", component.FAILED))
                self.assertIn(told, problem.detail)

    def test_whatever_else_is_raised_is_a_defect(self):
        for error in (
            KeyError("x"),
            SystemExit(3),
            KeyboardInterrupt(),
            RecursionError(),
            MemoryError(),
            ValueError(Mute()),
        ):
            with self.subTest(error=type(error).__name__):
                name, problem, _ = self.checked(self.failure(error))
                self.assertEqual((name, problem.message), ("Internal", component.FAILED))
                self.assertIn(type(error).__name__, problem.detail)

    def test_a_check_that_fails_in_an_odd_way_is_a_problem(self):
        class Odd:
            def validate(self, config):
                raise NotFound(Mute())

        with mock.patch.object(component, "plugin", Odd), self.assertRaises(component.Err) as caught:
            component.Lifecycle().validate_config("{}")
        [problem] = caught.exception.args[0]
        self.assertTrue(problem.message.startswith("The check itself failed: NotFound: a Mute"), problem.message)
