"""Filter forms: what a filter's form sends, in the API's own grammar."""

from collections.abc import Iterator, Mapping, Sequence

from odus.kit import money, problems
from odus.kit.problems import FieldError

CURRENCY = "currency"
"""The parameter that says what amounts are in."""

LENGTH_OF_A_DAY = len("2026-01-31")

Parameters = Mapping[str, Sequence[str]]


def typed(parameters: Parameters) -> Parameters | None:
    """Return the parameters that a filter's form means, or None where the address is no form's.

    A form has the `filter` field, and `operator` and `value`, or `from` and `to`, or also a `key`. An empty value means
    no filter. A `unit` is the currency that amounts are typed in: a range holds for that currency alone, as amounts of
    different ones cannot be compared. `fromWas` and `toWas` are the moments of which the form showed the day: they
    stay where that day was not changed. Raises `validation_failed` for what is no amount.
    """
    if "filter" not in parameters:
        return None
    form = {name: values[0] for name, values in parameters.items() if name in _FORM}
    return {**others(parameters), **{name: [value] for name, value in _meant(form)}}


def others(parameters: Parameters) -> Parameters:
    """Return the parameters that are not a filter's form, where there is one."""
    return {name: values for name, values in parameters.items() if "filter" not in parameters or name not in _FORM}


_FORM = ("filter", "operator", "key", "value", "from", "to", "fromWas", "toWas", "unit")
_ENDS = (("from", "gte"), ("to", "lte"))


def _meant(form: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    field, operator, value = form["filter"], form.get("operator", "eq"), form.get("value", "")
    unit = form.get("unit", "")
    if unit and (form.get("from") or form.get("to")):
        yield CURRENCY, unit
    for end, word in _ENDS:
        if typed := form.get(end):
            was = form.get(f"{end}Was", "")
            yield f"{field}[{word}]", was if was[:LENGTH_OF_A_DAY] == typed else _minor(field, typed, unit)
    if form.get("key"):
        field = f"{field}[{form['key']}]"
    elif "key" in form:
        return
    if operator in ("set", "unset"):
        yield f"{field}[exists]", "true" if operator == "set" else "false"
    elif value:
        yield f"{field}[{operator}]", _minor(field, value, unit)


def _minor(field: str, text: str, unit: str) -> str:
    """Return an amount that was typed in a currency's units as the API takes it; any other text as it is."""
    if not unit:
        return text
    try:
        return str(money.read(text, unit))
    except ValueError as error:
        raise problems.invalid([FieldError(field, "invalid_format", str(error))]) from None
