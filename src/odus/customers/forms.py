"""Forms: a customer as the fields of a form, and what was typed as what the actions take."""

import msgspec

from odus.customers.model import Address, Customer, CustomerCreate, CustomerUpdate
from odus.customers.restrictions import stated
from odus.kit import bodies, metadata_forms
from odus.kit.edits import Values
from odus.kit.metadata_forms import Row
from odus.kit.pages import Form
from odus.kit.problems import Problem

PHONE = "phoneNumber"
PLAIN = ("email", "name", PHONE, "dateOfBirth")
PARTS = tuple(field.encode_name for field in msgspec.structs.fields(Address))
ADDRESSES = ("billingAddress", "shippingAddress")
FIELDS = (*PLAIN, *(f"{address}.{part}" for address in ADDRESSES for part in PARTS))

RESTRICTIONS = ("restrictCit", "restrictMit", "restrictReason")

EMPTY = dict.fromkeys((*FIELDS, *RESTRICTIONS), "")

_create = bodies.decoder(CustomerCreate)
read_update = bodies.decoder(CustomerUpdate)

CLEAR = CustomerUpdate(metadata=None)


def values(form: Form) -> dict[str, str]:
    """Return what was typed."""
    return {name: form.text(name) for name in EMPTY}


def values_of(customer: Customer) -> dict[str, str]:
    """Return a customer as the form shows it: on one line each, as a browser has no other in such a field."""
    values = {
        "email": customer.email,
        "name": customer.name or "",
        "phoneNumber": customer.phone_number or "",
        "dateOfBirth": str(customer.date_of_birth or ""),
    }
    addresses = (customer.billing_address or Address(), customer.shipping_address or Address())
    for name, address in zip(ADDRESSES, addresses, strict=True):
        values |= {
            f"{name}.{part}": text or "" for part, text in zip(PARTS, msgspec.structs.astuple(address), strict=True)
        }
    return {name: _one_line(text) for name, text in values.items()}


def as_kept(values: Values) -> Values:
    """Return what was typed as `values_of` shows it once it is kept: a phone number in its one form."""
    try:
        data = read_update(bodies.encode({name: text for name, text in values.items() if text and name == PHONE}))
    except Problem:
        return values
    return {**values, PHONE: data.phone_number} if data.phone_number else values


def create(values: Values, rows: list[Row]) -> CustomerCreate:
    """Read a new customer, and the lines of its metadata. Raises `validation_failed` with the form's own names."""
    body: dict[str, object] = {name: values[name] for name in PLAIN if values[name]}
    body |= {address: _address(values, address) for address in ADDRESSES if _is_filled(values, address)}
    body |= stated({name: values[name] for name in RESTRICTIONS if values[name]})

    def read(metadata: bytes) -> CustomerCreate:
        return _create(bodies.encode({**body, **msgspec.json.decode(metadata)}))

    return metadata_forms.update(rows, {}, read)


def update(values: Values, was: Values) -> CustomerUpdate:
    """Read what was changed, and nothing else. Raises as `create`."""
    body: dict[str, object] = {
        name: values[name] if values[name] or name == "email" else None for name in PLAIN if values[name] != was[name]
    }
    for address in ADDRESSES:
        if any(values[f"{address}.{part}"] != was[f"{address}.{part}"] for part in PARTS):
            body[address] = _address(values, address) if _is_filled(values, address) else None
    return read_update(bodies.encode(body))


def _one_line(text: str) -> str:
    """Return a text as a field of one line gives it back."""
    return text.replace("\r", "").replace("\n", "")


def _address(values: Values, address: str) -> dict[str, str | None]:
    return {part: values[f"{address}.{part}"] or None for part in PARTS}


def _is_filled(values: Values, address: str) -> bool:
    return any(values[f"{address}.{part}"] for part in PARTS)
