"""Forms: products and prices as the fields of a form, and what was typed as what the actions take."""

import re
from collections.abc import Callable, Iterator, Mapping

from odus.kit import bodies, money, problems
from odus.kit.edits import Values
from odus.kit.pages import Form
from odus.kit.problems import FieldError, Problem
from odus.products.model import Price, PriceCreate, PriceUpdate, Product, ProductCreate, ProductUpdate

PRODUCT_FIELDS = ("name", "description", "statementDescriptor")
NO_PRODUCT: Values = dict.fromkeys(PRODUCT_FIELDS, "")

ROWS = range(4)
"""The cycles that the form of a price has room for; a schedule of more is made by the API."""
CYCLE = {"amount": "", "every": "1", "unit": "month"}
NO_PRICE: Values = {
    "name": "",
    "type": "one_time",
    "currency": "usd",
    "amount": "",
    **{f"cycle.{row}.{part}": text for row in ROWS for part, text in CYCLE.items()},
}

_product_create = bodies.decoder(ProductCreate)
_product_update = bodies.decoder(ProductUpdate)
_price_create = bodies.decoder(PriceCreate)
_price_update = bodies.decoder(PriceUpdate)


def product_values(form: Form) -> dict[str, str]:
    """Return what was typed of a product."""
    return {name: form.text(name) for name in PRODUCT_FIELDS}


def values_of(product: Product) -> dict[str, str]:
    """Return a product as the form gives it back: a name on one line, and line ends as they are typed."""
    return {
        "name": _one_line(product.name),
        "description": (product.description or "").replace("\r\n", "\n").replace("\r", "\n"),
        "statementDescriptor": product.statement_descriptor or "",
    }


def product_create(values: Values) -> ProductCreate:
    """Read a new product. Raises `validation_failed` with the fields named as in the form."""
    return _product_create(bodies.encode({name: text for name, text in values.items() if text}))


def product_update(changed: Values) -> ProductUpdate:
    """Read what was changed, and nothing else. Raises as `product_create`."""
    return _product_update(bodies.encode({name: text or _empty(name) for name, text in changed.items()}))


def activity(form: Form) -> bool:
    """Return whether it shall be active. Raises `validation_failed` for what is neither yes nor no."""
    wanted = form.text("active")
    if wanted not in ("yes", "no"):
        raise problems.invalid([FieldError("active", "invalid_value", "must be yes or no")])
    return wanted == "yes"


def price_values(form: Form) -> dict[str, str]:
    """Return what was typed of a price; a field that was not sent is as the empty form has it."""
    return {name: form.text(name) if name in form else text for name, text in NO_PRICE.items()}


def price_create(product_id: str, values: Values) -> PriceCreate:
    """Read a new price, its amounts as people write them. Raises `validation_failed`, the fields as in the form."""
    amounts, errors = _amounts(values)
    body: dict[str, object] = {"product": product_id, "type": values["type"], "currency": values["currency"]}
    if values["name"]:
        body["name"] = values["name"]
    body["amount"] = amounts.get("amount")
    if cycles := [_cycle(values, amounts, row, position) for position, row in enumerate(_filled(values), 1)]:
        body["billingSchedule"] = {"cycleDefinitions": cycles}
    try:
        data = _price_create(bodies.encode(body))
    except Problem as problem:
        raise problems.invalid([*errors, *named(problem, values).errors]) from None
    if errors:
        raise problems.invalid(errors)
    return data


def name_of(price: Price) -> dict[str, str]:
    """Return what of a price its form changes."""
    return {"name": _one_line(price.name)}


def price_update(changed: Values) -> PriceUpdate:
    """Read what was changed. Raises `validation_failed`."""
    return _price_update(bodies.encode(changed))


def named(problem: Problem, values: Values) -> Problem:
    """Return a problem whose fields are named as in the form of a price."""
    at = _place(values)
    errors = [FieldError(at(error.field), error.code, error.message) for error in problem.errors]
    return Problem(problem.kind, problem.detail, errors)


def _empty(name: str) -> str | None:
    """Return what an emptied field means: nothing, but for the name, which cannot be that."""
    return "" if name == "name" else None


def _one_line(text: str) -> str:
    """Return a text as a field of one line gives it back."""
    return text.replace("\r", "").replace("\n", "")


def _filled(values: Values) -> list[int]:
    """Return the lines that were touched."""
    return [row for row in ROWS if any(values[f"cycle.{row}.{part}"] != text for part, text in CYCLE.items())]


def _amounts(values: Values) -> tuple[dict[str, int], list[FieldError]]:
    """Read each amount that was typed, and what is wrong with those that are none."""
    amounts: dict[str, int] = {}
    errors: list[FieldError] = []
    for name in _amount_fields(values):
        try:
            amounts[name] = money.read(values[name], values["currency"])
        except ValueError as error:
            errors.append(FieldError(name, "invalid_format", str(error)))
    return amounts, errors


def _amount_fields(values: Values) -> Iterator[str]:
    if values["amount"]:
        yield "amount"
    yield from (f"cycle.{row}.amount" for row in _filled(values))


def _cycle(values: Values, amounts: Mapping[str, int], row: int, position: int) -> dict[str, object]:
    every = values[f"cycle.{row}.every"]
    return {
        "position": position,
        "amount": amounts.get(f"cycle.{row}.amount", 0),
        "intervalUnit": values[f"cycle.{row}.unit"],
        "intervalValue": int(every) if _WHOLE.fullmatch(every) else every,
    }


_WHOLE = re.compile(r"[0-9]{1,12}")


def _place(values: Values) -> Callable[[str], str]:
    """Return what names an error's field as the form does; what is wrong with no cycle stands at the first one."""
    rows = _filled(values)

    def at(path: str) -> str:
        if match := _STEP.fullmatch(path):
            return f"cycle.{rows[int(match[1])]}.{_PARTS.get(match[2], match[2])}"
        return "cycle.0.amount" if path.startswith("billingSchedule") else path

    return at


_STEP = re.compile(r"billingSchedule\.cycleDefinitions\[(\d+)\]\.(\w+)")
_PARTS = {"intervalValue": "every", "intervalUnit": "unit"}
