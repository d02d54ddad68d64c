"""The process of a program: define it, then serve calls of its tests, which run in another process.

Everything here may be replaced by the program itself. So it knows neither the tests nor their verdict, and what it
sends counts as the program's data (passk/verifiers/code_tests.py). Frames are JSON, a line each:

    {"program": text, "prompt": text, "functions": [name]}    {"names": [name]} or {"raised": error}
    {"name": name}                                            {"value": v} or {"raised": error, "message": text}
    {"call": target, "arguments": a, "named": n}              the same
    {"get": [target, name]}, {"set": [target, name, v]}       the same
    {"iterate": target}, {"length": target}, {"item": [target, key]}, {"store": [target, key, v]}
"""

import ast
import json
import os
import random
import sys
import types
from typing import Any

from passk.verifiers.plain_data import packed, unpacked

NAME = "program"
ITEMS = 1_000_000
"""Most items of an iterator that are sent at once."""


def serve(requests: int, replies: int) -> None:
    """Define the program of the first frame, then answer frames until the pipe closes. The ends are descriptors."""
    reader, writer = os.fdopen(requests, "rb"), os.fdopen(replies, "wb")
    random.seed(0)
    module = types.ModuleType(NAME)
    sys.modules[NAME] = module  # dataclasses look up the module of a class
    objects: list[Any] = []

    def keep(value: Any) -> Any:
        if getattr(value, "shape", None) == () and hasattr(value, "dtype"):  # a scalar of NumPy
            return packed(value.item(), keep)
        objects.append(value)
        return {"r": len(objects) - 1}

    for line in reader:
        try:
            request = json.loads(line)
            if "program" in request:
                _define(module, request["program"], request["prompt"], request["functions"])
                reply = {"names": [name for name in vars(module) if isinstance(name, str)]}
            else:
                reply = {"value": packed(_answer(module, request, objects), keep)}
            text = json.dumps(reply)
        except BaseException as error:
            text = json.dumps({"raised": type(error).__name__, "message": _message(error)})
        writer.write(text.encode() + b"\n")
        writer.flush()


def _message(error: BaseException) -> str:
    try:
        return str(error)[:300]
    except BaseException:
        return ""


def _define(module: types.ModuleType, program: str, prompt: str, functions: list[str]) -> None:
    exec(compile(whole(program, prompt, functions), NAME, "exec"), vars(module))


def whole(program: str, prompt: str, functions: list[str]) -> str:
    """Return the source to run: the prompt and a program of its own, or the prompt and its continuation.

    A program is whole if it compiles and defines one of the functions. A continuation ends before the first line that
    is not indented, like the stop sequences of HumanEval.
    """
    if not prompt:
        return program
    try:
        tree = ast.parse(program)
    except (SyntaxError, ValueError):
        tree = ast.Module([], [])
    if any(isinstance(node, ast.FunctionDef) and node.name in functions for node in tree.body):
        return f"{prompt}\n{program}"
    lines = program.split("\n")
    last = next((place for place, line in enumerate(lines) if line[:1].strip()), len(lines))
    return prompt + "\n".join(lines[:last]) + "\n"


def _answer(module: types.ModuleType, request: dict[str, Any], objects: list[Any]) -> Any:
    def read(value: Any) -> Any:
        return unpacked(value, objects.__getitem__)

    if "name" in request:
        return vars(module)[request["name"]]
    if "call" in request:
        return read(request["call"])(*read(request["arguments"]), **read(request["named"]))
    if "get" in request:
        return getattr(*map(read, request["get"]))
    if "set" in request:
        return setattr(*map(read, request["set"]))
    if "iterate" in request:
        return [item for item, _ in zip(read(request["iterate"]), range(ITEMS), strict=False)]
    if "length" in request:
        return len(read(request["length"]))
    if "store" in request:
        target, key, value = map(read, request["store"])
        target[key] = value
        return None
    target, key = map(read, request["item"])
    return target[key]
