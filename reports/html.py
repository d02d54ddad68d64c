"""Report as one HTML file for mail, with embedded figures, without scripts and without external content."""

import base64
import re
from html import escape
from pathlib import Path

CLOSED = (
    "default-src 'none'; script-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; "
    "form-action 'none'"
)
"""Content security policy, a second defence if a text is not escaped."""
STYLE = """
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; font: 16px/1.5 system-ui, sans-serif; color: #1a1a1a;
  background: #fff; }
h1, h2, h3 { line-height: 1.25; margin: 2rem 0 .6rem; }
img { max-width: 100%; height: auto; }
table { border-collapse: collapse; display: block; overflow-x: auto; font-size: 14px;
  font-variant-numeric: tabular-nums; }
th, td { padding: .2rem .7rem; border-bottom: 1px solid #ddd; text-align: left; white-space: nowrap; }
td:last-child { white-space: normal; }
code, pre { font: 13px/1.4 ui-monospace, monospace; background: #f5f5f5; unicode-bidi: isolate;
  overflow-wrap: anywhere; }
pre { padding: .6rem; overflow-x: auto; white-space: pre-wrap; }
"""
_FIGURE = re.compile(r"figures/[a-z_]+\.png")


def twin(markdown: str, title: str, directory: Path) -> str:
    """Return report.html for the text of report.md. Raw HTML in the markdown becomes text.

    directory: of the report; its figures are embedded, and other images become text. Links are removed, because a
    mail has no folder beside it.
    """
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False}).enable("table").disable(["autolink", "reference"])
    tokens = parser.parse(markdown)
    for token in tokens:
        if token.children:
            token.children = [_embedded(child, directory) for child in token.children if child.type not in _LINKS]
    body = parser.renderer.render(tokens, parser.options, {})
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{CLOSED}">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n{body}</body>\n</html>\n"
    )


_LINKS = ("link_open", "link_close")


def _embedded(token, directory: Path):  # noqa: ANN001, ANN202
    if token.type != "image":
        return token
    source = str(token.attrs["src"])
    if not _FIGURE.fullmatch(source):
        token.type, token.tag, token.content = "text", "", "[image]"
        return token
    drawn = base64.b64encode((directory / source).read_bytes()).decode()
    token.attrs["src"] = f"data:image/png;base64,{drawn}"
    return token
