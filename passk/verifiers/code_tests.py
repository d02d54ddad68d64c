"""The process of the tests: run them against a program that runs in another process.

A name of the tests is looked up in this order: a function under test, in the program; the prompt's own helpers, such as
`poly`; a built-in; a module of the standard library; any other name of the program, such as a class. An object of the
program is a `Remote`. Its calls, attributes and items go through a pipe and return plain data
(passk/verifiers/plain_data.py), so a comparison of a test is never the program's. A `Remote` equals itself only.
"""

import ast
import builtins
import contextlib
import importlib
import json
import os
import random
import sys
from typing import Any

from passk.verifiers.plain_data import NotPlain, packed, unpacked

LONGEST_FRAME = 16 * 2**20
"""Most bytes of a reply of the program."""
_NO_LOOP_MAY_END = (StopIteration, StopAsyncIteration)


class Ended(BaseException):
    """The program's process ended, or its reply is not of the form. Tests cannot catch it as an Exception."""


class NotRunning(Exception):
    """The program does not compile, or raises while it is defined."""


class Channel:
    """The pipes to the program's process."""

    def __init__(self, replies: int, requests: int) -> None:
        self._reader, self._writer = os.fdopen(replies, "rb"), os.fdopen(requests, "wb")

    def define(self, program: str, prompt: str, functions: list[str]) -> set[str]:
        """Define the program, and return its names. Raise NotRunning."""
        reply = self._ask({"program": program, "prompt": prompt, "functions": functions})
        if "raised" in reply:
            raise NotRunning
        names = reply.get("names")
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise Ended
        return set(names)

    def ask(self, request: dict[str, Any]) -> Any:
        """Return the value of a request. Raise the program's exception, as a built-in exception of the same name."""
        reply = self._ask(request)
        if "raised" in reply:
            raise _exception(reply["raised"], str(reply.get("message"))[:300])
        try:
            return unpacked(reply["value"], lambda number: Remote(self, number))
        except (NotPlain, KeyError, RecursionError):
            raise Ended from None

    def packed(self, value: Any) -> Any:
        return packed(value, _number)

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        try:
            self._writer.write(json.dumps(request).encode() + b"\n")
            self._writer.flush()
            line = self._reader.readline(LONGEST_FRAME)
            reply = json.loads(line)
        except (OSError, ValueError, RecursionError):
            raise Ended from None
        if not isinstance(reply, dict):
            raise Ended
        return reply


class Remote:
    """An object of the program."""

    def __init__(self, channel: Channel, number: int) -> None:
        object.__setattr__(self, "_remote", (channel, number))

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        channel = self._remote[0]
        request = {"call": channel.packed(self), "arguments": channel.packed(list(arguments))}
        return channel.ask(request | {"named": channel.packed(named)})

    def __getattr__(self, name: str) -> Any:
        return self._ask("get", name)

    def __setattr__(self, name: str, value: Any) -> None:
        self._ask("set", name, value)

    def __iter__(self) -> Any:
        channel = self._remote[0]
        return iter(channel.ask({"iterate": channel.packed(self)}))

    def __len__(self) -> int:
        channel = self._remote[0]
        return channel.ask({"length": channel.packed(self)})

    def __getitem__(self, key: Any) -> Any:
        return self._ask("item", key)

    def __setitem__(self, key: Any, value: Any) -> None:
        self._ask("store", key, value)

    def __bool__(self) -> bool:
        return True

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Remote) and self._remote == other._remote

    def __hash__(self) -> int:
        return hash(self._remote[1])

    def _ask(self, what: str, *values: Any) -> Any:
        channel = self._remote[0]
        return channel.ask({what: [channel.packed(value) for value in (self, *values)]})


def verdict(gold: dict[str, Any], program: str, channel: Channel) -> str:
    """Return the reason of the verdict. Of tests that cannot run it is "unreadable", followed by why."""
    random.seed(0)
    try:
        names = channel.define(program, gold["prompt"], gold["functions"])
        scope: dict[str, Any] = {"__name__": "tests"}
        exec(compile(gold["prompt"], "prompt", "exec", optimize=0), scope)
        tests = ast.parse(gold["tests"])
        used = {node.id for node in ast.walk(tests) if isinstance(node, ast.Name)}
        for name in gold["functions"]:
            scope.pop(name, None)
        for name in sorted(used):
            if name in names and name in gold["functions"]:
                scope[name] = channel.ask({"name": name})
            elif name in scope or hasattr(builtins, name):
                continue
            elif name in sys.stdlib_module_names:
                scope[name] = importlib.import_module(name)
            elif name in names:
                scope[name] = channel.ask({"name": name})
        exec(compile(tests, "tests", "exec", optimize=0), scope)
    except NotRunning:
        return "does not run"
    except Ended:
        return "exited early"
    except NotPlain as error:
        return f"unreadable {error}"
    except BaseException:
        return "incorrect"
    return "correct"


def _number(value: Any) -> dict[str, int]:
    if isinstance(value, Remote):
        return {"r": value._remote[1]}
    raise NotPlain(f"its tests pass a {type(value).__name__} to the program; pass plain data only")


def _exception(name: Any, message: str) -> Exception:
    """Return the exception to raise. One that could end a loop of the tests early, or exit, becomes a RuntimeError."""
    kind = getattr(builtins, name, None) if isinstance(name, str) else None
    if isinstance(kind, type) and issubclass(kind, Exception) and not issubclass(kind, _NO_LOOP_MAY_END):
        with contextlib.suppress(TypeError):  # some need more arguments
            return kind(message)
    return RuntimeError(message)
