"""List pages: a list as the Dashboard shows it, whose whole state is its address, in the API's own grammar."""

import re
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Generic, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from odus.kit import kinds, lists, money, problems, time_filters
from odus.kit.db import Search
from odus.kit.filter_forms import CURRENCY, Parameters, others, typed
from odus.kit.filters import LISTS, Field, escaped, split
from odus.kit.list_bars import CHOICES, NUMBER_WORDS, RANGE, WORDS, Chip, Control, Panel, Place, Wrong
from odus.kit.lists import Asked, Page, Pagination
from odus.kit.pages import Visit, moved
from odus.kit.problems import VALIDATION_FAILED, FieldError, Problem
from odus.kit.requests import Response
from odus.kit.times import Moment, now

T = TypeVar("T")

SIZES = (20, 50, 100)
DEFAULTS = {"sortDirection": "desc", "pageSize": "20"}
"""What the Dashboard means where its address says nothing; the newest are what staff look for."""


class ListPage(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """What a template needs of a list."""

    place: Place
    parameters: Parameters
    asked: Asked
    found: Page[T]
    wrong: Sequence[Wrong] = ()
    """What the address asks for and the list does not take; it shows nothing then, and `parameters` are the others."""

    @property
    def here(self) -> str:
        """The address that asks for all of it but what is wrong."""
        return address(self.path, flat(self.parameters))

    @property
    def path(self) -> str:
        """The address without its query."""
        return self.place.path

    @property
    def controls(self) -> Sequence[Control]:
        """The filters that the bar offers."""
        return self.place.controls

    @property
    def first(self) -> int:
        """The number of the first item on the page."""
        return self.asked.paging.offset + 1

    @property
    def last(self) -> int:
        """The number of the last item on the page."""
        return self.asked.paging.offset + len(self.found.data)

    @property
    def is_filtered(self) -> bool:
        """Whether a filter is in force."""
        return bool(self.asked.filters)

    def chips(self) -> list[Chip]:
        """Return the filters in force, in the order of the address."""
        return [self._chip(parameter) for parameter, _ in self.asked.filters]

    def of(self, control: Control) -> list[Chip]:
        """Return the filters in force of one control."""
        return [chip for chip in self.chips() if chip.field == control.field]

    def panels(self, control: Control) -> list[Panel]:
        """Return a control's forms: one for a range of dates, one for each other filter, and one to add another."""
        chips = self.of(control)
        own = [chip for chip in chips if _is_own(control, chip)]
        if control.kind in ("dates", "amount"):
            panels = [Panel("", own, self.kept(control), control.kind)]
        else:
            panels = [Panel("", (chip,), self._without((chip,)), control.kind) for chip in own]
            if control.kind == "keyed" or not chips:
                panels.append(Panel("", (), self._without(()), control.kind))
        panels += [
            Panel("", (chip,), self._without((chip,)), "other", _others(control)) for chip in chips if chip not in own
        ]
        name = f"filter-{control.field}"
        return [
            msgspec.structs.replace(panel, id=name if number == 0 else f"{name}-{number + 1}")
            for number, panel in enumerate(panels)
        ]

    def others(self) -> list[Chip]:
        """Return the filters in force that the bar has no control for."""
        known = {control.field for control in self.controls}
        return [chip for chip in self.chips() if chip.field not in known]

    def kept(self, control: Control) -> list[tuple[str, str]]:
        """Return the address's parameters without the range that a control's form shows: the hidden part of that form.

        The currency goes with the last of its amounts.
        """
        own = [chip for chip in self.of(control) if _is_own(control, chip)]
        gone = [chip.parameter for chip in own]
        if control.kind == "amount" and len(own) == len(self.of(control)):
            gone += [CURRENCY, f"{CURRENCY}[eq]"]
        return [(name, value) for name, value in flat(self.parameters) if name not in ("page", *gone)]

    @property
    def currency(self) -> str:
        """The currency that is asked for; empty where any is."""
        return next((value for name, value in flat(self.parameters) if name in (CURRENCY, f"{CURRENCY}[eq]")), "")

    def typed(self, panel: Panel, operator: str) -> str:
        """Return a value as a form has it: an amount in units of the currency, where there is one."""
        value = next((chip.value for chip in panel.chips if chip.operator == operator), "")
        return money.plain(int(value), self.currency) if self.currency and value.isdecimal() else value

    def _without(self, chips: Sequence[Chip]) -> list[tuple[str, str]]:
        gone = ("page", *(chip.parameter for chip in chips))
        return [(name, value) for name, value in flat(self.parameters) if name not in gone]

    def cleared(self) -> str:
        """Return the address without filters."""
        return address(
            self.path, [(name, value) for name, value in flat(self.parameters) if name in ("pageSize", *_SORT)]
        )

    def sort(self, name: str) -> str:
        """Return the address sorted by a field; by the present one, turned."""
        turned = "asc" if self.asked.is_descending else "desc"
        direction = turned if self.asked.sort.name == name else "asc"
        rest = [(each, value) for each, value in flat(self.parameters) if each not in ("page", *_SORT)]
        return address(self.path, [*rest, ("sortBy", name), ("sortDirection", direction)])

    def aria_sort(self, name: str) -> str:
        """Return how a column is sorted, in ARIA's words."""
        if self.asked.sort.name != name:
            return "none"
        return "descending" if self.asked.is_descending else "ascending"

    def at(self, number: int) -> str:
        """Return the address of a page."""
        rest = [(name, value) for name, value in flat(self.parameters) if name != "page"]
        return address(self.path, rest if number == 1 else [*rest, ("page", str(number))])

    def sized(self, size: int) -> str:
        """Return the address with pages of another size."""
        rest = [(name, value) for name, value in flat(self.parameters) if name not in ("page", "pageSize")]
        return address(self.path, [*rest, ("pageSize", str(size))])

    def since(self, control: Control, days: int) -> str:
        """Return the address with a range of dates that began so many days ago."""
        first = now().date() - timedelta(days=days)
        return address(self.path, [*self.kept(control), (f"{control.field}[gte]", str(first))])

    def query(self) -> str:
        """Return the query of the API's list that gives what is on screen."""
        said = dict.fromkeys(name for name, _ in flat(self.parameters))
        return encode(
            [*flat(self.parameters), *((name, value) for name, value in DEFAULTS.items() if name not in said)]
        )

    def _chip(self, parameter: str) -> Chip:
        name, *brackets = re.split(r"[\[\]]+", parameter.removesuffix("[]").removesuffix("]"))
        field = next(each for each in self.place.listing.fields if each.name == name)
        key = brackets.pop(0) if field.kind.is_keyed else ""
        operator = brackets[0] if brackets else "eq"
        values = self.parameters[parameter]
        value = ",".join(map(escaped, values)) if parameter.endswith("[]") else values[0]
        control = next((each for each in self.controls if each.field == name), Control(name, _spaced(name)))
        said = ""
        if operator == "exists":
            choice, value = ("set" if value == "true" else "unset"), ""
            said = dict(control.choices).get(choice, "") if control.kind == "presence" else ""
            words = WORDS["eq"] if said else CHOICES[choice]
        else:
            words = (NUMBER_WORDS if field.kind.is_number else WORDS)[operator]
        rest = [(each, text) for each, text in flat(self.parameters) if each not in (parameter, "page")]
        is_time = field.kind.is_time or field.kind is kinds.DAY
        times = [_time(each) for each in (split(value) if operator in LISTS else [value])] if is_time and value else []
        return Chip(
            parameter=parameter,
            field=name,
            key=key,
            operator=operator,
            label=key or control.label,
            words=words,
            value=value,
            said=said or ", ".join(text for *_, text in times) or self._said(field, control, value),
            times=times,
            without=address(self.path, rest),
        )

    def _said(self, field: Field, control: Control, value: str) -> str:
        """Return a value as the bar calls it; an amount that names no currency stays in the minor unit."""
        if field.kind.is_number and self.currency and value.isdecimal():
            return money.written(int(value), self.currency)
        return dict(control.choices).get(value, value)


_SORT = ("sortBy", "sortDirection")


async def show(
    visit: Visit, place: Place, search: Callable[[Search, str, Asked], Awaitable[Page[T]]], **context: object
) -> Response:
    """Show the list that the address asks for.

    The address that a filter's form makes is led on to the API's grammar; a script is told it instead. What is wrong
    with a filter is told in the bar, with the others; a script is told it by raising `validation_failed` as the API
    does.
    """
    try:
        meant, parameters, asked = _read(visit, place)
    except Problem as problem:
        if problem.kind is not VALIDATION_FAILED or visit.is_scripted:
            raise
        return visit.page(place.template, 400, [], list=_refused(visit, place, problem), curl="", **context)
    here = address(place.path, flat(parameters))
    if meant is not None and not visit.is_scripted:
        return moved(here)
    found = await search(visit.database.search, visit.who.merchant_id, asked)
    shown = ListPage(place=place, parameters=parameters, asked=asked, found=found)
    headers = [] if meant is None else [("HX-Replace-Url", here)]
    curl = visit.curl(place.api_path, shown.query())
    return visit.page(place.template, 200, headers, list=shown, curl=curl, **context)


def _read(visit: Visit, place: Place) -> tuple[Parameters | None, Parameters, Asked]:
    """Return what a filter's form means, where there is one, the parameters, and what they ask for."""
    meant = typed(visit.query)
    parameters = visit.query if meant is None else meant
    if "cursor" in parameters:
        raise problems.invalid([FieldError("cursor", "unknown_field", "is for the API alone; a page has its number")])
    return meant, parameters, _asked(place, parameters)


def _asked(place: Place, parameters: Parameters) -> Asked:
    return lists.parse(place.listing, {**{name: [value] for name, value in DEFAULTS.items()}, **parameters})


def _refused(visit: Visit, place: Place, problem: Problem) -> ListPage[object]:
    """Return the list as it is shown where a part of the address is wrong: each of them can be taken away."""
    query = others(visit.query)
    sent = flat(query)
    told = {error.field: error.message for error in problem.errors}
    wrong = [
        Wrong(
            name,
            ", ".join(query.get(name, ())),
            message,
            address(place.path, [each for each in sent if each[0] != name]),
        )
        for name, message in told.items()
    ]
    parameters = {name: values for name, values in query.items() if name not in told}
    asked = _asked(place, parameters)
    nothing = Page[object]([], Pagination(has_next_page=False, item_count=0, page_size=asked.paging.size))
    return ListPage(place=place, parameters=parameters, asked=asked, found=nothing, wrong=wrong)


def address(path: str, parameters: Sequence[tuple[str, str]]) -> str:
    """Return an address; brackets stay as they are, so that it can be read."""
    return f"{path}?{encode(parameters)}" if parameters else path


def encode(parameters: Sequence[tuple[str, str]]) -> str:
    """Encode a query."""
    return urlencode(parameters, safe="[]", quote_via=quote)


def flat(parameters: Parameters) -> list[tuple[str, str]]:
    """Return each parameter with each of its values."""
    return [(name, value) for name, values in parameters.items() for value in values]


def _is_own(control: Control, chip: Chip) -> bool:
    """Tell whether the form of a control shows a filter as it is."""
    match control.kind:
        case "dates" | "amount":
            return chip.operator in RANGE
        case "choice":
            return chip.operator == "eq"
        case "presence":
            return chip.operator == "exists"
        case _:
            return True


def _others(control: Control) -> dict[str, str]:
    """Return what the form of a filter offers that its control's own form cannot show."""
    words = NUMBER_WORDS if control.kind == "amount" else WORDS
    known = ("eq", "ne") if control.kind == "choice" else ("eq", "ne", "gt", "lt")
    return {**{name: words[name] for name in known}, "set": CHOICES["set"], "unset": CHOICES["unset"]}


def _time(value: str) -> tuple[str, str, str]:
    """Return a date or a moment as HTML has it, how it is shown, and in words."""
    at, _ = time_filters.instant(value)
    day = f"{at.day} {at:%b %Y}"
    if not isinstance(at, Moment):
        return value, "date", day
    is_whole = not at.second and not at.microsecond
    return str(at), "moment", f"{day}, {at:%H:%M} UTC" if is_whole else f"{day}, {at:%H:%M:%S} UTC"


def _spaced(name: str) -> str:
    """Write a field's name as words: `phoneNumber` is `Phone number`."""
    return re.sub(r"(?<=[a-z])([A-Z])", lambda match: f" {match[1].lower()}", name).capitalize()
