from hypothesis import given
from hypothesis import strategies as st

from reports.data.markdown import code, fenced, inline, listed, plain_table, shorten, table, visible
from tests.unit.each import every


@given(st.text(alphabet=st.sampled_from("`~ab\n \x1b\u202e<"), max_size=60))
def test_no_text_ends_the_fence_it_is_in(text):
    first, *content, last = fenced(text).split("\n")
    fence = first.removesuffix("text")
    assert fence == last and set(fence) == {"`"} and len(fence) >= 3
    assert not any(line.strip().startswith(fence) for line in content)


@given(st.text(max_size=60))
def test_nothing_invisible_is_left(text):
    shown = visible(text).replace("\n", "")
    assert shown.isprintable() or all(c == " " or c.isprintable() or c.isspace() for c in shown)
    assert not set(shown) & {"\x1b", "\r", "\x00", "\u202e", "\u200b", "\u2028"}


@every(
    ("text", "shown"),
    [
        ("a\x1b[31m", "a␛[31m"),
        ("\u202eabc", "⟨U+202E⟩abc"),
        ("tab\there", "tab␉here"),
        ("två 迷路", "två 迷路"),
    ],
)
def test_control_characters_are_shown_as_what_they_are(text, shown):
    assert visible(text) == shown


@every("text", ["a`b", "``", "`", "a | b", "two\nlines", "x``y`z"])
def test_a_code_span_holds_any_text_on_one_line_of_a_table(text):
    span = code(text)
    ticks = len(span) - len(span.lstrip("`"))
    assert "\n" not in span and "|" not in span
    assert span.endswith("`" * ticks)
    assert "`" * ticks not in span[ticks:-ticks]


@every(
    ("text", "shown"),
    [
        ("<script>", r"\<script\>"),
        ("[x](http://y)", r"\[x\](http://y)"),
        ("# heading", r"\# heading"),
        ("1. item", r"1\. item"),
        ("two\n\nlines", "two lines"),
        ("a_b | *c*", r"a\_b \| \*c\*"),
    ],
)
def test_markdown_in_plain_words_is_without_effect(text, shown):
    assert inline(text) == shown


def test_a_long_text_is_cut_with_the_number_of_its_other_characters():
    assert shorten("a" * 2000, 100, 5) == "a" * 100 + "\n[... 1,900 more characters]"
    assert shorten("1\n2\n3\n4", 100, 2) == "1\n2\n[... 4 more characters]"
    assert shorten("short", 100, 5) == "short"


def test_tables_line_up():
    rows = [["a", "1.5"], ["longer", "22.5"]]
    lines = table(["name", "value"], rows).split("\n")
    assert lines == ["| name   | value |", "| ------ | ----: |", "| a      |   1.5 |", "| longer |  22.5 |"]
    assert plain_table(["name", "value"], rows).split("\n")[2] == "a         1.5"


def test_lists_read_as_english():
    assert [listed(words) for words in (["a"], ["a", "b"], ["a", "b", "c"])] == ["a", "a and b", "a, b and c"]
