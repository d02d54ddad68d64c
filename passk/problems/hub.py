"""Data sets of the Hugging Face hub, each at a fixed revision, from the cache if it has them.

The content of a commit (40 hex characters) never changes, so its files in the cache are used without a request to the
hub. HF_HOME, HF_HUB_OFFLINE, HF_ENDPOINT and HF_TOKEN have the meaning of huggingface_hub. Without access to the hub,
the directory of a copy takes the place of the data set's name.
"""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from passk.base.errors import ConfigError
from passk.problems import tables
from passk.problems.text_problems import Worded

DATASET = "name of the data set on the HF hub, or the directory of a copy"
REVISION = "commit of the data set; ignored for a copy"
_COMMIT = re.compile(r"[0-9a-f]{40}")
_SHARD = re.compile(r"(.*)-\d{5}-of-(\d{5})\.parquet")


def dataset(default: str) -> Any:
    """Return the field of a data set. default: its name on the hub."""
    return Field(default, min_length=1, description=DATASET)


def revision(default: str) -> Any:
    """Return the field of a data set's commit."""
    return Field(default, min_length=1, description=REVISION)


class HubSpec(Worded):
    """Specification of a source on the hub."""

    matches: ClassVar[str] = ""
    """Pattern of the file with the problems, if it is one for every split."""

    dataset: str = Field(min_length=1, description=DATASET)
    revision: str = Field(min_length=1, description=REVISION)

    def patterns(self) -> Sequence[str]:
        """Return the patterns of the files that have the split."""
        return (self.matches,)

    def files(self) -> list[Path]:
        directory = Path(self.dataset).expanduser()
        return matching(directory, self.patterns()) if directory.is_dir() else []


def check(spec: HubSpec) -> None:
    """Raise ConfigError if `dataset` is neither a directory with the files nor a possible name on the hub.

    This sends no request.
    """
    directory = Path(spec.dataset).expanduser()
    if directory.is_dir():
        if not spec.files():
            raise ConfigError(
                "dataset", f"{spec.dataset} has no file {' or '.join(spec.patterns())}", "name a complete copy"
            )
    elif not re.fullmatch(r"[\w.-]+/[\w.-]+", spec.dataset):
        raise ConfigError(
            "dataset", f"{spec.dataset} is neither a directory nor an owner/name of the HF hub", "write one of these"
        )


def rows(
    spec: HubSpec, columns: Sequence[str], *, words: Sequence[str] = ("problem",), shaped: Sequence[str] = ()
) -> tuple[list[tables.Row], dict[str, str]]:
    """Return the split's rows as text (tables.read) and their origin {"dataset", "revision"}, a commit or "copy".

    Raise ConfigError that begins with the field if the hub is unreachable, lacks the data set, or a cell is invalid.
    """
    directory = Path(spec.dataset).expanduser()
    commit = "copy"
    if not directory.is_dir():
        directory = fetch(spec.dataset, spec.revision, spec.patterns())
        commit = directory.name  # the cache has one folder per commit
    result = []
    for file in matching(directory, spec.patterns()):
        try:
            result += tables.read(file, columns, words=words, shaped=shaped)
        except ConfigError as error:
            raise error.replaced(field="dataset", problem=f"{error.field}: {error.problem}") from None
    return result, {"dataset": spec.dataset, "revision": commit}


def matching(directory: Path, patterns: Sequence[str]) -> list[Path]:
    """Return the files that match, sorted by name, pattern after pattern; [] unless each pattern matches one."""
    matches = [
        sorted(file for file in directory.glob(pattern) if file.suffix in tables.SUFFIXES) for pattern in patterns
    ]
    return [file for files in matches for file in files] if all(matches) else []


def _whole(files: Sequence[Path]) -> bool:
    """Return whether there are files, with all shards of each (-00000-of-00002.parquet).

    A stopped download leaves some of the shards in the cache.
    """
    shards = [(file.parent, match) for file in files if (match := _SHARD.fullmatch(file.name))]
    have = Counter((folder, match[1], int(match[2])) for folder, match in shards)
    return bool(files) and all(count == total for (*_, total), count in have.items())


def fetch(dataset: str, revision: str, patterns: Sequence[str]) -> Path:
    """Return the folder of the cache that has the files. Raise ConfigError if they are not available."""
    import huggingface_hub
    from huggingface_hub.errors import GatedRepoError, LocalEntryNotFoundError, RepositoryNotFoundError
    from huggingface_hub.errors import RevisionNotFoundError as NoSuchRevision
    from huggingface_hub.utils import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

    # In the hub's patterns, "*" matches directories too, and "**/" matches at least one.
    wanted = [*patterns, *(pattern.removeprefix("**/") for pattern in patterns)]

    def snapshot(*, cached: bool) -> Path:
        return Path(
            huggingface_hub.snapshot_download(
                dataset, repo_type="dataset", revision=revision, allow_patterns=wanted, local_files_only=cached
            )
        )

    if _COMMIT.fullmatch(revision):
        try:
            folder = snapshot(cached=True)
        except LocalEntryNotFoundError:
            pass
        else:
            if _whole(matching(folder, patterns)):
                return folder
    shown = not are_progress_bars_disabled()
    disable_progress_bars()
    try:
        folder = snapshot(cached=False)
    except GatedRepoError:
        raise ConfigError("dataset", f"{dataset} is gated", "accept its terms on its page, and set HF_TOKEN") from None
    except RepositoryNotFoundError:
        raise ConfigError(
            "dataset", f"{dataset} does not exist on the HF hub or is private", "correct the name, or set HF_TOKEN"
        ) from None
    except NoSuchRevision:
        raise ConfigError("revision", f"{dataset} has no revision {revision}", "name an existing commit") from None
    except Exception as error:  # of any library that the hub's client uses
        raise _out_of_reach(dataset, revision, error) from None
    finally:
        if shown:
            enable_progress_bars()
    if not _whole(matching(folder, patterns)):
        # without access to the hub, the cache may have only other files of the data set
        raise ConfigError(
            "dataset",
            f"{dataset}@{revision[:12]} has no file {' or '.join(patterns)}, or not all of its shards, in the cache or "
            "on the HF hub",
            "name a revision that has them",
        )
    return folder


def _out_of_reach(dataset: str, revision: str, error: Exception) -> ConfigError:
    import huggingface_hub

    why = (
        "HF_HUB_OFFLINE is set" if huggingface_hub.constants.HF_HUB_OFFLINE else type(error.__cause__ or error).__name__
    )
    return ConfigError(
        "dataset",
        f"{dataset}@{revision[:12]} is not in the cache, and the HF hub is unreachable ({why})",
        f"with access, run `hf download --repo-type dataset {dataset} --revision {revision}`, or name the directory of "
        "a copy",
    )
