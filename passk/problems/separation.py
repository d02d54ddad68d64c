"""Whether a test set's problems are in a training set: word for word, or nearly.

Compared is the problem without its template, in lower case, as words: runs of letters or of digits, runs of
signs (a row of a maze is about one), and single letters of scripts without spaces. *Exact*: the same words.
*Near*: of the phrases of three words that either has, both have 7 in 10 or more (Jaccard); that is a few words
or numbers changed in a problem of some lines. It must hold twice: among all phrases, and without those that
more than 20 problems and more than one in twenty have. These are how such problems are put: of what is
generated from one sentence, all would else be near all.

The search finds every such pair. Two sets that share 7 in 10 share one of the first, rarest, 3 in 10 phrases of
each, if phrases are put in one order (prefix filtering; Bayardo, Ma and Srikant, WWW 2007), so that only these
are looked up.
"""

import re
import unicodedata
from collections.abc import Sequence, Set
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

PHRASE = 3
SHARE = (7, 10)
COMMON = 20
_WORD = re.compile(r"[^\W\d_]+|\d+|[^\w\s]+|_+")
_UNSPACED = re.compile(
    r"([\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af])"
)


class Match(NamedTuple):
    """A test problem and the training problem most like it."""

    test: int
    """place in its set"""
    train: int
    share: float
    """of the phrases that either has, those that both have; 1 where exact"""
    exact: bool


def overlap(train: Sequence[str], test: Sequence[str]) -> list[Match]:
    """The test problems that are in the training set, exactly or nearly, in their order."""
    words = [_words(text) for text in (*train, *test)]
    whole = {text: place for place, text in reversed(list(enumerate(map(" ".join, words[: len(train)]))))}
    found = {}
    for place, text in enumerate(map(" ".join, words[len(train) :])):
        if text in whole:
            found[place] = Match(place, whole[text], 1.0, True)
    rare, every = _phrases(words)
    sets = list(map(frozenset, rare))
    rows: dict[int, list[int]] = {}  # a phrase of a training problem's prefix -> the problems
    for row, own in enumerate(rare[: len(train)]):
        for phrase in own[: _prefix(len(own))]:
            rows.setdefault(phrase, []).append(row)
    for place, own in enumerate(rare[len(train) :]):
        if place in found:
            continue
        candidates = {row for phrase in own[: _prefix(len(own))] for row in rows.get(phrase, ())}
        at = len(train) + place
        shares = [
            (share, -row)
            for row in candidates
            if (share := _share(sets[at], sets[row])) and _share(every[at], every[row])
        ]
        if shares:
            share, row = max(shares)
            found[place] = Match(place, -row, share, False)
    return [found[place] for place in sorted(found)]


def _share(a: Set[int], b: Set[int]) -> float:
    """Jaccard's index; 0 where it is less than SHARE."""
    fewer, more = sorted((len(a), len(b)))
    if fewer * SHARE[1] < more * SHARE[0]:
        return 0.0  # at once, as for most candidates
    shared = len(a & b)
    either = len(a) + len(b) - shared
    return shared / either if shared * SHARE[1] >= either * SHARE[0] else 0.0


def repeated(texts: Sequence[str]) -> list[tuple[int, int]]:
    """The problems of one set that are there already: (place, place of the first)."""
    first: dict[str, int] = {}
    found = []
    for place, text in enumerate(map(" ".join, map(_words, texts))):
        if first.setdefault(text, place) != place:
            found.append((place, first[text]))
    return found


def _words(text: str) -> list[str]:
    plain = unicodedata.normalize("NFKC", text).casefold()
    return _WORD.findall(_UNSPACED.sub(r" \1 ", plain))


def _phrases(texts: list[list[str]]) -> tuple[list[list[int]], list[frozenset[int]]]:
    """The phrases of each problem as numbers: without the common ones, the rarest first; and all of them."""
    numbers: dict[str, int] = {}
    hashed = [_hashes([numbers.setdefault(word, len(numbers)) for word in words]) for words in texts]
    if not hashed:
        return [], []
    different, place, problems = np.unique(np.concatenate(hashed), return_inverse=True, return_counts=True)
    rank = np.empty(len(different), dtype=np.int64)
    rank[np.argsort(problems, kind="stable")] = np.arange(len(different))
    kept = problems <= max(COMMON, len(texts) // 20)
    rare, every, start = [], [], 0
    for own in hashed:
        places = place[start : start + len(own)]
        rare.append(np.sort(rank[places[kept[places]]]).tolist())
        every.append(frozenset(rank[places].tolist()))
        start += len(own)
    return rare, every


def _hashes(words: list[int]) -> NDArray[np.uint64]:
    """A 64-bit hash of each different phrase; a text shorter than a phrase is one."""
    if not words:
        return np.empty(0, dtype=np.uint64)
    mixed = (np.array(words, dtype=np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
    length = min(PHRASE, len(words))
    total = np.zeros(len(words) - length + 1, dtype=np.uint64)
    for offset in range(length):
        total = total * np.uint64(0x100000001B3) + mixed[offset : offset + len(total)]
        total ^= total >> np.uint64(31)
    return np.unique(total)


def _prefix(size: int) -> int:
    """How many of `size` phrases must be looked at: with so few left over, no 7 in 10 can be shared."""
    return size - -(-SHARE[0] * size // SHARE[1]) + 1
