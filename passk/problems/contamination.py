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
from collections.abc import Iterable, Sequence, Set
from hashlib import blake2b
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


class Texts:
    """A set's problems as they are compared: read once, however many sets they are compared with."""

    def __init__(self, texts: Sequence[str]) -> None:
        words = [_words(text) for text in texts]
        self.whole = [" ".join(own) for own in words]
        # Hashes of all phrases, sorted; those of each problem as places there, problem after problem; where they end.
        self.different, self.place, self.ends = _phrases(words)

    def __len__(self) -> int:
        return len(self.whole)


def overlap(train: Texts, test: Texts) -> list[Match]:
    """The test problems that are in the training set, exactly or nearly, in their order."""
    first = {text: place for place, text in reversed(list(enumerate(train.whole)))}
    found = {place: Match(place, first[text], 1.0, True) for place, text in enumerate(test.whole) if text in first}
    ranks, kept = _ranks(train, test)
    looked_at = np.zeros(len(kept), dtype=bool)
    rows, phrases = _prefixes(test, ranks[1], kept)
    looked_at[phrases] = True
    wanted: dict[int, list[int]] = {}  # a test problem -> the phrases of its prefix
    for place, phrase in zip(rows.tolist(), phrases.tolist(), strict=True):
        wanted.setdefault(place, []).append(phrase)
    rows, phrases = _prefixes(train, ranks[0], kept)
    shared = looked_at[phrases]
    having: dict[int, list[int]] = {}  # a phrase of a training problem's prefix -> the problems
    for row, phrase in zip(rows[shared].tolist(), phrases[shared].tolist(), strict=True):
        having.setdefault(phrase, []).append(row)
    for place, prefix in wanted.items():
        candidates = {row for phrase in prefix for row in having.get(phrase, ())}
        if place in found or not candidates:
            continue
        rare, every = _sets(test, ranks[1], kept, place)
        shares = []
        for row in candidates:
            own_rare, own_every = _sets(train, ranks[0], kept, row)
            if (share := _share(rare, own_rare)) and _share(every, own_every):
                shares.append((share, -row))
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


def repeated(texts: Texts) -> list[tuple[int, int]]:
    """The problems of one set that are there already: (place, place of the first)."""
    first: dict[str, int] = {}
    return [(place, first[text]) for place, text in enumerate(texts.whole) if first.setdefault(text, place) != place]


def _words(text: str) -> list[str]:
    plain = unicodedata.normalize("NFKC", text).casefold()
    return _WORD.findall(_UNSPACED.sub(r" \1 ", plain))


def _phrases(texts: list[list[str]]) -> tuple[NDArray[np.uint64], NDArray[np.int64], NDArray[np.int64]]:
    """Hashes of all different phrases; those of each text as places there; where each text's end."""
    lengths = np.array([len(words) for words in texts], dtype=np.int64)
    ends = np.cumsum(lengths)
    mixed = _hashes(word for words in texts for word in words)
    # of the phrase that begins at each word; a text shorter than a phrase is one
    total = np.zeros(len(mixed), dtype=np.uint64)
    left = np.repeat(ends, lengths) - np.arange(len(mixed))
    for offset in range(PHRASE):
        inside = np.flatnonzero(left > offset)
        total[inside] = total[inside] * np.uint64(0x100000001B3) + mixed[inside + offset]
        total[inside] ^= total[inside] >> np.uint64(31)
    begins = left >= np.minimum(PHRASE, np.repeat(lengths, lengths))
    different, place = np.unique(total[begins], return_inverse=True)
    # each only once in a text
    row = np.repeat(np.arange(len(texts)), lengths)[begins]
    once = np.unique(row * max(1, len(different)) + place)
    row, place = np.divmod(once, max(1, len(different)))
    return different, place, np.cumsum(np.bincount(row, minlength=len(texts)))


def _hashes(words: Iterable[str]) -> NDArray[np.uint64]:
    """64 bits of each word, the same in every set."""
    known: dict[str, int] = {}
    numbers = []
    for word in words:
        if (number := known.get(word)) is None:
            number = known[word] = int.from_bytes(blake2b(word.encode(errors="surrogatepass"), digest_size=8).digest())
        numbers.append(number)
    return np.array(numbers, dtype=np.uint64)


def _ranks(*sets: Texts) -> tuple[list[NDArray[np.int64]], NDArray[np.bool_]]:
    """The phrases of each set's `different` in one order, the rarest first; by that, whether one is not common."""
    different = np.unique(np.concatenate([own.different for own in sets]))
    places = [np.searchsorted(different, own.different) for own in sets]
    problems = np.zeros(len(different), dtype=np.int64)
    for own, place in zip(sets, places, strict=True):
        problems[place] += np.bincount(own.place, minlength=len(own.different))
    order = np.argsort(problems, kind="stable")
    rank = np.empty(len(different), dtype=np.int64)
    rank[order] = np.arange(len(different))
    return [rank[place] for place in places], problems[order] <= max(COMMON, sum(map(len, sets)) // 20)


def _prefixes(texts: Texts, rank: NDArray, kept: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The phrases that must be looked at, problem after problem: (problem, phrase)."""
    row, phrase = np.repeat(np.arange(len(texts)), np.diff(texts.ends, prepend=0)), rank[texts.place]
    row, phrase = row[kept[phrase]], phrase[kept[phrase]]
    row, phrase = np.divmod(np.sort(row * len(kept) + phrase), max(1, len(kept)))
    sizes = np.bincount(row, minlength=len(texts))
    number = np.arange(len(row)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    # with so few left over, no 7 in 10 can be shared
    looked_at = number < sizes[row] - -(-SHARE[0] * sizes[row] // SHARE[1]) + 1
    return row[looked_at], phrase[looked_at]


def _sets(texts: Texts, rank: NDArray, kept: NDArray[np.bool_], row: int) -> tuple[frozenset[int], frozenset[int]]:
    """A problem's phrases: without the common ones, and all of them."""
    every = rank[texts.place[texts.ends[row - 1] if row else 0 : texts.ends[row]]]
    return frozenset(every[kept[every]].tolist()), frozenset(every.tolist())
