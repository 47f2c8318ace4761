"""A page as a browser reads it: its elements, its words, and what its forms send."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr", "rect"}
)
"""Elements that have no end; `rect` may have one."""

Fields = list[tuple[str, str]]


@dataclass
class Element:
    """An element, its attributes, and what stands within."""

    tag: str
    attributes: dict[str, str]
    parent: "Element | None" = None
    children: "list[Element | str]" = field(default_factory=list)

    def __iter__(self) -> "Iterator[Element]":
        """Go through all elements within, in the order of the page."""
        for child in self.children:
            if isinstance(child, Element):
                yield child
                yield from child

    def every(self, tag: str = "", **attributes: str) -> "list[Element]":
        """Return the elements within of a tag and these attributes; `_` in a name is a dash, at its end nothing."""
        wanted = {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items()}
        return [
            each
            for each in self
            if tag in ("", each.tag) and all(each.attributes.get(name) == value for name, value in wanted.items())
        ]

    def one(self, tag: str = "", **attributes: str) -> "Element":
        """Return the only such element."""
        found = self.every(tag, **attributes)
        assert len(found) == 1, (tag, attributes, len(found))
        return found[0]

    @property
    def text(self) -> str:
        """The words within, their spaces put together."""
        return " ".join(self.raw.split())

    @property
    def raw(self) -> str:
        """The text within as it is."""
        return "".join(child if isinstance(child, str) else child.raw for child in self.children)

    @property
    def ancestors(self) -> "Iterator[Element]":
        """The elements that this one stands in."""
        if self.parent is not None:
            yield self.parent
            yield from self.parent.ancestors

    def fields(self) -> Fields:
        """Return what a form sends as it stands, where scripts run: what is in `noscript` and `template` is not."""
        found: Fields = []
        for each in self:
            name = each.attributes.get("name")
            if not name or any(outer.tag in ("noscript", "template") for outer in each.ancestors):
                continue
            match each.tag:
                case "input":
                    kind = each.attributes.get("type", "text")
                    if kind not in ("checkbox", "radio") or "checked" in each.attributes:
                        value = each.attributes.get("value", "")
                        found.append((name, value if kind == "hidden" else value.replace("\n", "").replace("\r", "")))
                case "textarea":
                    found.append((name, each.raw.removeprefix("\n")))
                case "select":
                    options = each.every("option")
                    chosen = next((option for option in options if "selected" in option.attributes), options[0])
                    found.append((name, chosen.attributes.get("value", chosen.text)))
                case _:
                    pass
        return found


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Element("", {})
        self.at = self.root

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"<{tag}> has an attribute twice: {names}"
        made = Element(tag, {name: value or "" for name, value in attrs}, self.at)
        self.at.children.append(made)
        if tag not in VOID or tag == "rect":
            self.at = made

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if self.at.tag == tag:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.at.tag == tag, f"</{tag}> stands where <{self.at.tag}> is open"
        assert self.at.parent is not None
        self.at = self.at.parent

    def handle_data(self, data: str) -> None:
        self.at.children.append(data)


def read(text: str) -> Element:
    """Read a page; whatever does not stand within its own is a mistake."""
    reader = _Reader()
    reader.feed(text)
    reader.close()
    assert reader.at is reader.root, f"<{reader.at.tag}> has no end"
    return reader.root


def changed(fields: Fields, **to: str) -> Fields:
    """Return fields with other values; `__` in a name is a dot."""
    new = {name.replace("__", "."): value for name, value in to.items()}
    assert set(new) <= {name for name, _ in fields}, sorted(new)
    return [(name, new.get(name, value)) for name, value in fields]
