"""Data sets of the Hugging Face hub, each at a fixed revision, from its cache where that has them.

A commit's full name (40 hex characters) never changes what it names: what the cache has of it is taken
without a word to the hub. HF_HOME, HF_HUB_OFFLINE, HF_ENDPOINT and HF_TOKEN mean what they mean to
huggingface_hub. In place of a data set's name stands the directory of a copy of it, where there is no hub.
"""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from pydantic import Field

from passk.base.errors import ConfigError, PasskError
from passk.problems import tables
from passk.problems.text_problems import Worded

DATASET = "its name on the hub, or the directory of a copy"
REVISION = "the commit that is taken; of no effect on a copy"
_COMMIT = re.compile(r"[0-9a-f]{40}")
_SHARD = re.compile(r"(.*)-\d{5}-of-(\d{5})\.parquet")


class HubSpec(Worded):
    """Of a source on the hub."""

    dataset: str = Field(min_length=1, description=DATASET)
    revision: str = Field(min_length=1, description=REVISION)

    def patterns(self) -> Sequence[str]:
        """Which files of the data set hold the split."""
        raise NotImplementedError

    def files(self) -> list[Path]:
        directory = Path(self.dataset).expanduser()
        return matching(directory, self.patterns()) if directory.is_dir() else []


def check(spec: HubSpec) -> None:
    """Raise ConfigError for what can name no data set of the hub and is no directory; asks nobody."""
    directory = Path(spec.dataset).expanduser()
    if directory.is_dir():
        if not spec.files():
            raise ConfigError(f"dataset: {spec.dataset} has no file {' or '.join(spec.patterns())}; give a whole copy")
    elif not re.fullmatch(r"[\w.-]+/[\w.-]+", spec.dataset):
        raise ConfigError(f"dataset: {spec.dataset} is no directory, and no owner/name of the HF hub; mend it")


def rows(
    spec: HubSpec, columns: Sequence[str], *, words: Sequence[str] = ("problem",), shaped: Sequence[str] = ()
) -> tuple[list[tables.Row], dict[str, str]]:
    """The split's rows as text (tables.read), and their origin: {"dataset", "revision"}, the commit or "copy".

    Raises PasskError, the field first, where the hub cannot be reached, has no such data set, or a cell is at fault.
    """
    directory = Path(spec.dataset).expanduser()
    commit = "copy"
    if not directory.is_dir():
        directory = fetch(spec.dataset, spec.revision, spec.patterns())
        commit = directory.name  # the cache keeps a folder a commit
    found = []
    for file in matching(directory, spec.patterns()):
        try:
            found += tables.read(file, columns, words=words, shaped=shaped)
        except PasskError as error:
            raise PasskError(f"dataset: {error}") from None
    return found, {"dataset": spec.dataset, "revision": commit}


def matching(directory: Path, patterns: Sequence[str]) -> list[Path]:
    """The files of a pattern in the order of their names, pattern after pattern; [] unless each has one."""
    found = [sorted(file for file in directory.glob(pattern) if file.suffix in tables.SUFFIXES) for pattern in patterns]
    return [file for files in found for file in files] if all(found) else []


def _whole(files: Sequence[Path]) -> bool:
    """Whether there are files, and of one that is cut in shards (-00000-of-00002.parquet) all of them.

    A download that was stopped leaves those it had in the cache.
    """
    shards = [(file.parent, match) for file in files if (match := _SHARD.fullmatch(file.name))]
    have = Counter((folder, match[1], int(match[2])) for folder, match in shards)
    return bool(files) and all(count == total for (*_, total), count in have.items())


def fetch(dataset: str, revision: str, patterns: Sequence[str]) -> Path:
    """The folder of the cache that holds the files. Raises PasskError, one line, where it cannot be had."""
    import huggingface_hub
    from huggingface_hub.errors import GatedRepoError, LocalEntryNotFoundError, RepositoryNotFoundError
    from huggingface_hub.errors import RevisionNotFoundError as NoSuchRevision
    from huggingface_hub.utils import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

    # In the hub's patterns "*" stands for directories too, and "**/" for one at least.
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
        raise PasskError(f"dataset: {dataset} asks for consent; give it on its page, and set HF_TOKEN") from None
    except RepositoryNotFoundError:
        raise PasskError(f"dataset: the HF hub has no {dataset}, or not for you; mend it, or set HF_TOKEN") from None
    except NoSuchRevision:
        raise PasskError(f"revision: {dataset} has no {revision}; give a commit that it has") from None
    except Exception as error:  # of whatever library the hub's client speaks through
        raise PasskError(_out_of_reach(dataset, revision, error)) from None
    finally:
        if shown:
            enable_progress_bars()
    if not _whole(matching(folder, patterns)):
        # what is in the cache of a hub out of reach may be another part of the data set
        raise PasskError(
            f"dataset: {dataset}@{revision[:12]} has no file {' or '.join(patterns)}, or not all of its shards, "
            "that is in the cache or can be had; give a revision that has"
        )
    return folder


def _out_of_reach(dataset: str, revision: str, error: Exception) -> str:
    import huggingface_hub

    why = (
        "HF_HUB_OFFLINE is set" if huggingface_hub.constants.HF_HUB_OFFLINE else type(error.__cause__ or error).__name__
    )
    return (
        f"dataset: {dataset}@{revision[:12]} is not in the cache, and the HF hub is out of reach ({why}); where it is "
        f"not, run `hf download --repo-type dataset {dataset} --revision {revision}`, or give a copy's directory"
    )
