"""Mathematics as inline SVG, so that a page is readable offline and needs no script."""

import html
import re

import ziamath

SIZE = 16.0  # ziamath's pixels to one em of the page
_SYMBOL = re.compile(r'<symbol id="([^"]+)"(.*?)</symbol>', re.DOTALL)
# ziamath leaves out the thin space around a named operator and the space around a tilde, and sets
# a wide one after a comma
_COMMA = re.compile(r"(\\(?:text|mathrm|operatorname\*?)\{[^}]*\})|(?<!\\),")
_NAMED = re.compile(
    r"(?P<before>[\w)}\]]\s*)?(?P<name>\\operatorname\*?\{[^}]*\})(?P<after>\s*[\w\\])?"
)
_NAMESPACE = ' xmlns="http://www.w3.org/2000/svg"'


class MathSheet:
    """Sets formulas for one page; glyphs that several formulas use are kept once, in ``glyphs``."""

    def __init__(self) -> None:
        self._symbols: dict[str, str] = {}
        self._set: dict[tuple[str, bool], str] = {}

    def svg(self, latex: str, display: bool = False) -> str:
        """An ``<svg>`` that scales with the text around it and takes its colour.

        LaTeX that cannot be set is shown as source, in a ``<code class="unset">``.
        """
        key = (" ".join(latex.split()), display)
        if key not in self._set:
            try:
                self._set[key] = self._drawn(*key)
            except Exception:
                self._set[key] = f'<code class="unset">{html.escape(key[0])}</code>'
        return self._set[key]

    def glyphs(self) -> str:
        """The shared glyphs: has to stand once in the page, anywhere."""
        symbols = "".join(f'<symbol id="{n}"{b}</symbol>' for n, b in self._symbols.items())
        return f'<svg class="glyphs" aria-hidden="true" width="0" height="0">{symbols}</svg>'

    def _drawn(self, latex: str, display: bool) -> str:
        drawing = ziamath.Latex(_spaced(latex), size=SIZE, inline=not display)
        text = drawing.svg().replace('fill="black"', 'fill="currentColor"')
        text = text.replace('stroke="black"', 'stroke="currentColor"').replace(_NAMESPACE, "")
        self._symbols |= dict(_SYMBOL.findall(text))
        text = _SYMBOL.sub("", text)
        box = re.search(r'viewBox="(\S+) (\S+) (\S+) (\S+)"', text)
        if box is None:
            raise ValueError(f"formula {latex!r}: was set without a viewBox")
        _, top, width, height = (float(number) for number in box.groups())
        depth = (top + height) / SIZE  # below the baseline
        style = f"width:{width / SIZE:.4g}em;vertical-align:{-depth:.4g}em"
        label = html.escape(latex, quote=True)
        opening = f'<svg class="math" role="img" aria-label="{label}" style="{style}"'
        return re.sub(r'<svg width="[^"]*" height="[^"]*"', lambda _: opening, text, count=1)


def _spaced(latex: str) -> str:
    def named(match: re.Match[str]) -> str:
        before, after = match["before"] or "", match["after"] or ""
        open_bracket = after.strip().startswith("\\") and _opens(match.string[match.end("name") :])
        gap = r"\," if after and not open_bracket else ""
        return before + (r"\," if before else "") + match["name"] + gap + after

    latex = _COMMA.sub(lambda match: match[1] or r"{,}\,", _NAMED.sub(named, latex))
    return re.sub(r"\\sim(?![a-z])", r"\\;\\sim\\;", latex)


def _opens(rest: str) -> bool:
    """Whether a bracket comes next, of whatever size."""
    return re.match(r"\s*(\\(left|[bB]igg?l?)\s*)?(\(|\[|\\[{|]|\\lbrace)", rest) is not None
