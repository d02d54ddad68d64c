"""Reader and writer of experiments' YAML files: data only, with the line of every field.

The reader follows YAML 1.2 where YAML 1.1 surprises: `yes`, `on`, `1:30`, `010` and `2026-11-29` are text, and
`1e-6` is a number. `<<` merges mappings as usual. The reader refuses repeated keys, tags of Python objects, and files
whose aliases refer to themselves or expand without bound.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NoReturn

import yaml

from passk.base.errors import ConfigError, InvalidError
from passk.experiment.fields import BY_STEP

LARGEST_FILE = 2**20
"""Most bytes of an experiment file."""
LARGEST_EXPANDED = 2**20
"""Most nodes and characters of a file after its aliases are expanded."""
MOST_NODES = 2**14
"""Most keys, values and aliases. PyYAML reads about 25,000 a second."""
DEEPEST = 32
"""Most levels of mappings and lists."""
LONGEST_INTEGER = 40
"""Most digits of a whole number."""
_MERGE = "tag:yaml.org,2002:merge"
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*(?:_[0-9]+)*)$")
_NUMBER = re.compile(
    r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*(?:_[0-9]+)*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$"
    r"|[-+]?\.(?:inf|Inf|INF)$|\.(?:nan|NaN|NAN)$"
)
_TRUTH = re.compile(r"(?:true|True|TRUE|false|False|FALSE)$")
_NOTHING = re.compile(r"(?:~|null|Null|NULL|)$")


@dataclass(frozen=True)
class Source:
    """The content of a file and the line of each field."""

    path: Path
    content: Any
    root: yaml.Node | None

    @contextmanager
    def located(self) -> Iterator[None]:
        """Give a ConfigError the file and the line of its field."""
        try:
            yield
        except ConfigError as error:
            line = self._line(error.field)
            raise error.replaced(where=f"{self.path}{f':{line}' if line else ''}") from None

    def _line(self, field: str) -> int | None:
        """Return the line of a dotted field or, if the file lacks it, of the mapping that should have it."""
        node, line, rest = self.root, None, f"{field}."
        while rest and isinstance(node, yaml.CollectionNode):
            # the loader has merged `<<`: merged entries stand before the mapping's own
            fits = [entry for entry in _entries(node) if rest.startswith(f"{entry[1]}.")]
            if not fits:
                break
            key, name, node = max(reversed(fits), key=lambda entry: len(entry[1]))
            line, rest = key.start_mark.line + 1, rest[len(name) + 1 :]
        return line


def read(path: str | Path) -> Source:
    """Read one YAML document. Raise ConfigError: one line with the file, the line, the fault and the fix."""
    path = Path(path)
    text = _text(path)
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
        if root is not None:
            _require_sound(root)
        return Source(path, None if root is None else loader.construct_document(root), root)
    except _Refused as error:
        raise ConfigError(error.field, error.problem, error.fix, where=f"{path}:{error.line}") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = f"{path}:{mark.line + 1}" if mark else str(path)
        reason = ", ".join(part for part in (error.context, error.problem) if part)
        raise ConfigError(at, f"not readable as YAML: {reason}", "correct it there") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        letter = ascii(text[error.position])
        raise ConfigError(
            f"{path}:{line}", f"not readable as YAML: the character {letter} is not allowed", "remove it"
        ) from None


def dump(content: Any) -> str:
    """Return YAML that `read` and other YAML readers read as the same content."""
    return yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True)


def values(text: str) -> list[Any]:
    """Return the values of a YAML list without brackets. Raise InvalidError."""
    try:
        loader = _Loader(f"[{text}]")
        root = loader.get_single_node()
        _require_sound(root)
        return loader.construct_document(root)
    except (_Refused, yaml.YAMLError) as error:
        raise InvalidError(
            f"{text!r} is not a list of values ({' '.join(str(error).split())})", "write it as in 1,2,3"
        ) from None


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_FILE + 1)
    except FileNotFoundError:
        raise ConfigError(str(path), "no such file", "name an existing file") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigError(str(path), f"not readable: {reason}", "name a readable file") from None
    if len(data) > LARGEST_FILE:
        raise ConfigError(str(path), f"larger than {LARGEST_FILE} bytes", "name an experiment file")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}:{line}", f"not UTF-8 text: {error.reason}", "save the file as UTF-8") from None


class _Loader(yaml.SafeLoader):
    """PyYAML's reader, limited to plain types."""

    yaml_constructors: ClassVar[dict] = {}
    yaml_implicit_resolvers: ClassVar[dict] = {}
    depth = nodes = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        self.depth += 1
        self.nodes += 1
        if self.depth > DEEPEST:
            raise _Refused(self.peek_event(), "experiment", "nested too deeply", "write fewer levels")
        if self.nodes > MOST_NODES:
            raise _Refused(self.peek_event(), "experiment", f"more than {MOST_NODES} keys and values", "write fewer")
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1


class _Dumper(yaml.SafeDumper):
    """PyYAML's writer, which quotes text that YAML 1.1 or 1.2 reads as another type."""


class _Refused(Exception):
    """Valid YAML that an experiment file must not contain."""

    def __init__(self, at: yaml.Node | yaml.Event, field: str, problem: str, fix: str) -> None:
        super().__init__(f"{field}: {problem}; {fix}")
        self.line, self.field, self.problem, self.fix = at.start_mark.line + 1, field, problem, fix


def _null(loader: _Loader, node: yaml.ScalarNode) -> None:
    _text_of(loader, node, _NOTHING, "null")


def _bool(loader: _Loader, node: yaml.ScalarNode) -> bool:
    return _text_of(loader, node, _TRUTH, "true or false").lower() == "true"


def _int(loader: _Loader, node: yaml.ScalarNode) -> int:
    word = _text_of(loader, node, _INTEGER, "a whole number")
    if len(word) > LONGEST_INTEGER:
        raise _Refused(node, f"{word[:10]}...", f"a number of {len(word)} digits is too large", "write a smaller one")
    return int(word)


def _float(loader: _Loader, node: yaml.ScalarNode) -> float:
    word = _text_of(loader, node, _NUMBER, "a number").replace("_", "").lower()
    return float(word.replace(".inf", "inf").replace(".nan", "nan"))


def _text_of(loader: _Loader, node: yaml.ScalarNode, pattern: re.Pattern[str], kind: str) -> str:
    """Return a scalar's text. Raise _Refused if it does not fit its pattern, as `!!int x` does not."""
    text = loader.construct_scalar(node)
    if not pattern.match(text):
        raise _Refused(node, repr(text), f"is not {kind}, as its tag says", "remove the tag")
    return text


def _unknown(loader: _Loader, node: yaml.Node) -> NoReturn:
    raise _Refused(node, node.tag, "this tag is not allowed", "write plain text, numbers, lists and mappings")


def _require_sound(root: yaml.Node) -> None:
    """Refuse repeated keys, aliases that contain themselves, and aliases that expand beyond LARGEST_EXPANDED."""
    sizes: dict[int, int | None] = {}  # None while a node's children are counted

    def size(node: yaml.Node, field: str) -> int:
        if id(node) in sizes:
            known = sizes[id(node)]
            if known is None:
                raise _Refused(node, field, "an alias contains itself", "write the content out")
            return known
        sizes[id(node)] = None
        total = 1
        if isinstance(node, yaml.ScalarNode):
            total += len(node.value)
        else:
            if isinstance(node, yaml.MappingNode):
                _require_keys(node, field)
            for key, name, value in _entries(node):
                below = f"{field}.{name}".lstrip(".")
                total += size(value, below) + (0 if key is value else size(key, below))
        if total > LARGEST_EXPANDED:
            raise _Refused(
                node,
                field,
                f"its aliases expand to more than {LARGEST_EXPANDED} nodes and characters",
                "write fewer",
            )
        sizes[id(node)] = total
        return total

    size(root, "")


def _require_keys(node: yaml.MappingNode, field: str) -> None:
    """Refuse a repeated key, and a key that is not text; only a schedule of estimators has numbers as keys."""
    lines: dict[str, int] = {}
    for key, _ in node.value:
        where = f"{field}.{key.value}".lstrip(".") if isinstance(key, yaml.ScalarNode) else field or "experiment"
        steps = BY_STEP.fullmatch(field) and key.tag == "tag:yaml.org,2002:int"
        if not steps and key.tag not in (yaml.resolver.BaseResolver.DEFAULT_SCALAR_TAG, _MERGE):
            raise _Refused(key, where, "the key is not text", "write one word, in quotes if it reads as a number")
        line = key.start_mark.line + 1
        name = _MERGE if key.tag == _MERGE else f"key {_spelled(key)}"  # a quoted "<<" is a key
        if name in lines:
            fix = "write one `<<` with a list" if key.tag == _MERGE else "remove one"
            raise _Refused(key, where, f"the key is given twice, in lines {lines[name]} and {line}", fix)
        lines[name] = line


def _spelled(key: yaml.ScalarNode) -> str:
    """Return a key as the content has it: +1 and 1 are the same step."""
    if key.tag == "tag:yaml.org,2002:int" and _INTEGER.match(key.value) and len(key.value) <= LONGEST_INTEGER:
        return str(int(key.value))
    return key.value


def _entries(node: yaml.CollectionNode) -> Iterator[tuple[yaml.Node, str, yaml.Node]]:
    """Yield (key, its name, value) of a mapping, or (value, its place, value) of a list."""
    for place, entry in enumerate(node.value):
        if isinstance(entry, tuple):
            yield entry[0], str(entry[0].value), entry[1]
        else:
            yield entry, str(place), entry


_LETTERS = "-+.0123456789"
for _tag, _pattern, _first in (
    ("merge", re.compile("<<$"), "<"),
    ("null", _NOTHING, ["~", "n", "N", ""]),
    ("bool", _TRUTH, "tTfF"),
    ("int", _INTEGER, _LETTERS),
    ("float", _NUMBER, _LETTERS),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", _pattern, list(_first))
    _Dumper.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", _pattern, list(_first))
for _tag, _constructor in (
    ("null", _null),
    ("bool", _bool),
    ("int", _int),
    ("float", _float),
    ("str", yaml.SafeLoader.construct_yaml_str),
    ("seq", yaml.SafeLoader.construct_yaml_seq),
    ("map", yaml.SafeLoader.construct_yaml_map),
):
    _Loader.add_constructor(f"tag:yaml.org,2002:{_tag}", _constructor)
_Loader.add_constructor(None, _unknown)
