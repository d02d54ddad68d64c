"""Search for test problems that are in a training set, exactly or nearly.

The search compares problems without their templates, in lower case, as words. A word is a run of letters, of digits or
of signs, or a single letter of a script without spaces. A pair is *exact* if the words are the same. A pair is *near*
if the Jaccard index of its phrases of three words is 0.7 or more, as after a change of a few words or numbers. This
must hold among all phrases, and also without common phrases. A phrase is common if more than 20 problems and more than
one in twenty have it. Otherwise all problems that are generated from one sentence would be near each other.

The search finds every such pair. If all phrases are put in one order, rarest first, two sets that share 7 of 10 share
one of the first 3 of 10 phrases of each (prefix filtering; Bayardo, Ma and Srikant, WWW 2007). Only these are looked
up.
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
    """A test problem and the most similar training problem."""

    test: int
    """Place in the test set."""
    train: int
    """Place in the training set."""
    share: float
    """Jaccard index of their phrases; 1 for an exact match."""
    exact: bool


class Texts:
    """The words and phrases of a problem set, computed once for all comparisons."""

    def __init__(self, texts: Sequence[str]) -> None:
        words = [_words(text) for text in texts]
        self.whole = [" ".join(each) for each in words]
        # Sorted hashes of all phrases; the places of each problem's phrases in them; the end of each problem's places.
        self.different, self.place, self.ends = _phrases(words)

    def __len__(self) -> int:
        return len(self.whole)


def overlap(train: Texts, test: Texts) -> list[Match]:
    """Return a match for each test problem that is in the training set, exactly or nearly, in test order."""
    first = {text: place for place, text in reversed(list(enumerate(train.whole)))}
    matches = {place: Match(place, first[text], 1.0, True) for place, text in enumerate(test.whole) if text in first}
    ranks, kept = _ranks(train, test)
    looked_at = np.zeros(len(kept), dtype=bool)
    rows, phrases = _prefixes(test, ranks[1], kept)
    looked_at[phrases] = True
    wanted: dict[int, list[int]] = {}  # test problem -> phrases of its prefix
    for place, phrase in zip(rows.tolist(), phrases.tolist(), strict=True):
        wanted.setdefault(place, []).append(phrase)
    rows, phrases = _prefixes(train, ranks[0], kept)
    shared = looked_at[phrases]
    having: dict[int, list[int]] = {}  # phrase -> training problems that have it in their prefixes
    for row, phrase in zip(rows[shared].tolist(), phrases[shared].tolist(), strict=True):
        having.setdefault(phrase, []).append(row)
    for place, prefix in wanted.items():
        candidates = {row for phrase in prefix for row in having.get(phrase, ())}
        if place in matches or not candidates:
            continue
        rare, every = _sets(test, ranks[1], kept, place)
        shares = []
        for row in candidates:
            train_rare, train_every = _sets(train, ranks[0], kept, row)
            if (share := _share(rare, train_rare)) and _share(every, train_every):
                shares.append((share, -row))
        if shares:
            share, row = max(shares)
            matches[place] = Match(place, -row, share, False)
    return [matches[place] for place in sorted(matches)]


def _share(a: Set[int], b: Set[int]) -> float:
    """Return the Jaccard index, or 0 if it is less than SHARE."""
    fewer, more = sorted((len(a), len(b)))
    if fewer * SHARE[1] < more * SHARE[0]:
        return 0.0  # without an intersection, as for most candidates
    shared = len(a & b)
    either = len(a) + len(b) - shared
    return shared / either if shared * SHARE[1] >= either * SHARE[0] else 0.0


def repeated(texts: Texts) -> list[tuple[int, int]]:
    """Return the repeated problems of a set as (place, place of the first)."""
    first: dict[str, int] = {}
    return [(place, first[text]) for place, text in enumerate(texts.whole) if first.setdefault(text, place) != place]


def _words(text: str) -> list[str]:
    plain = unicodedata.normalize("NFKC", text).casefold()
    return _WORD.findall(_UNSPACED.sub(r" \1 ", plain))


def _phrases(texts: list[list[str]]) -> tuple[NDArray[np.uint64], NDArray[np.int64], NDArray[np.int64]]:
    """Return the sorted hashes of all phrases, the places of each text's phrases in them, and the ends of the texts."""
    lengths = np.array([len(words) for words in texts], dtype=np.int64)
    ends = np.cumsum(lengths)
    mixed = _hashes(word for words in texts for word in words)
    # hash of the phrase that begins at each word; a text shorter than a phrase is one phrase
    total = np.zeros(len(mixed), dtype=np.uint64)
    remaining = np.repeat(ends, lengths) - np.arange(len(mixed))
    for offset in range(PHRASE):
        inside = np.flatnonzero(remaining > offset)
        total[inside] = total[inside] * np.uint64(0x100000001B3) + mixed[inside + offset]
        total[inside] ^= total[inside] >> np.uint64(31)
    begins = remaining >= np.minimum(PHRASE, np.repeat(lengths, lengths))
    different, place = np.unique(total[begins], return_inverse=True)
    # each phrase once per text
    row = np.repeat(np.arange(len(texts)), lengths)[begins]
    once = np.unique(row * max(1, len(different)) + place)
    row, place = np.divmod(once, max(1, len(different)))
    return different, place, np.cumsum(np.bincount(row, minlength=len(texts)))


def _hashes(words: Iterable[str]) -> NDArray[np.uint64]:
    """Return a 64-bit hash of each word; it is the same in every set."""
    known: dict[str, int] = {}
    numbers = []
    for word in words:
        if (number := known.get(word)) is None:
            number = known[word] = int.from_bytes(blake2b(word.encode(errors="surrogatepass"), digest_size=8).digest())
        numbers.append(number)
    return np.array(numbers, dtype=np.uint64)


def _ranks(*sets: Texts) -> tuple[list[NDArray[np.int64]], NDArray[np.bool_]]:
    """Return the rank of each set's phrases in one order, rarest first, and by rank whether a phrase is not common."""
    different = np.unique(np.concatenate([texts.different for texts in sets]))
    places = [np.searchsorted(different, texts.different) for texts in sets]
    problems = np.zeros(len(different), dtype=np.int64)
    for texts, place in zip(sets, places, strict=True):
        problems[place] += np.bincount(texts.place, minlength=len(texts.different))
    order = np.argsort(problems, kind="stable")
    rank = np.empty(len(different), dtype=np.int64)
    rank[order] = np.arange(len(different))
    return [rank[place] for place in places], problems[order] <= max(COMMON, sum(map(len, sets)) // 20)


def _prefixes(texts: Texts, rank: NDArray, kept: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the phrases to look up as (problem, phrase), problem after problem."""
    row, phrase = np.repeat(np.arange(len(texts)), np.diff(texts.ends, prepend=0)), rank[texts.place]
    row, phrase = row[kept[phrase]], phrase[kept[phrase]]
    row, phrase = np.divmod(np.sort(row * len(kept) + phrase), max(1, len(kept)))
    sizes = np.bincount(row, minlength=len(texts))
    number = np.arange(len(row)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    # the phrases after these are too few to share 7 of 10
    looked_at = number < sizes[row] - -(-SHARE[0] * sizes[row] // SHARE[1]) + 1
    return row[looked_at], phrase[looked_at]


def _sets(texts: Texts, rank: NDArray, kept: NDArray[np.bool_], row: int) -> tuple[frozenset[int], frozenset[int]]:
    """Return a problem's phrases: those that are not common, and all of them."""
    every = rank[texts.place[texts.ends[row - 1] if row else 0 : texts.ends[row]]]
    return frozenset(every[kept[every]].tolist()), frozenset(every.tolist())
