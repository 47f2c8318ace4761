"""Random customers and queries of which many meet: few values, among them those that are easily read wrongly."""

from datetime import date

from hypothesis import strategies as st

from odus.customers.model import Customer
from odus.kit.ids import new_id
from odus.kit.times import Moment
from tests.customers.list_model import SAME_MOMENTS, Filter, Query

EMAILS = (
    *("jane@example.com", "Jane@Example.COM", "jane+tag@example.com", "a_b@example.com", "a%b@example.com"),
    *("axb@example.com", "straße@x.test", "STRASSE@X.test", "\u0130@x.test", "i\u0307@x.test", "ς@x.test", "Σ@x.test"),
)
NAMES = (
    *("", " ", "Jane", "jane", " Jane", "Jane ", "JANE SMITH", "Straße", "STRASSE", "strasse", "\u0130stanbul"),
    *("i\u0307stanbul", "istanbul", "Σίσυφος", "ΣΊΣΥΦΟΣ", "Ü", "ü", "U\u0308", "100%", "100", "a_b", "axb", "a\\b"),
    *('say "hi"', "O'Brien", "[x]", "a+b", "a b", "a,b", "a\\,b", "😀", "😀 Jane", "one\ntwo", "\ufb01sh", "FISH"),
    *("\u212aelvin", "kelvin", "\x01", "{0}", "$1", "null", "true", "李", "\ufffd", "\uffff", "\U0010ffff"),
)
PHONE_NUMBERS = ("+15559876543", "+15559876540", "+442079460958", "+4915112345678")
BIRTHS = ("1900-01-01", "1990-05-17", "1990-05-18", "2000-02-29", "2024-02-29")
DAYS = ("2024-02-17", "2024-02-18", "2024-02-19", "2024-03-01", "0001-01-01", "9999-12-31")
MOMENTS = (
    *("2024-02-17T23:59:59.999Z", "2024-02-18T00:00:00.000Z", "2024-02-18T00:00:00.001Z", "2024-02-18T12:00:00.123Z"),
    *("2024-02-18T23:59:59.999Z", "2024-02-19T00:00:00.000Z", "2024-03-01T09:00:00.000Z"),
)
KEYS = ("tier", "Tier", "größe", "a b", "a+b", "100%", "eq", "in", '"', "\\", "😀", "{0}")
METADATA = ("premium", "PREMIUM", "premium plus", "Straße", "STRASSE", " x ", "00123", "123", "a,b", "a\\b", "%", '"q"')

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=4)
metadata = st.dictionaries(st.sampled_from(KEYS), st.sampled_from(METADATA) | texts.filter(bool), max_size=3)


def _one_in(few: int, often: st.SearchStrategy[str], seldom: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.integers(1, few).flatmap(lambda number: seldom if number == few else often)


names = _one_in(8, st.sampled_from(NAMES), texts)


@st.composite
def customers(draw: st.DrawFn) -> Customer:
    """Make a customer."""
    created, updated = sorted(draw(st.tuples(st.sampled_from(MOMENTS), st.sampled_from(MOMENTS))))
    at = Moment.parse(created)
    birth = draw(st.none() | st.sampled_from(BIRTHS))
    return Customer(
        id=new_id("cus", at, draw(st.randoms(use_true_random=False)).randbytes),
        email=draw(st.sampled_from(EMAILS)),
        name=draw(st.none() | names),
        phone_number=draw(st.none() | st.sampled_from(PHONE_NUMBERS)),
        date_of_birth=None if birth is None else date.fromisoformat(birth),
        billing_address=None,
        shipping_address=None,
        metadata=dict(sorted(draw(metadata).items())),
        restrict_cit=False,
        restrict_mit=False,
        restrict_reason=None,
        created_at=at,
        updated_at=Moment.parse(updated),
    )


@st.composite
def _altered(draw: st.DrawFn, values: tuple[str, ...]) -> str:
    """Make a value, in letters of another case, or a part of one."""
    value = draw(st.sampled_from(values))
    start, end = draw(st.integers(0, len(value))), draw(st.integers(0, len(value)))
    return draw(
        st.sampled_from([value, value.upper(), value.swapcase(), value.casefold(), value[start:end], value[:3]])
    )


def _texts(*values: str) -> st.SearchStrategy[str]:
    return _one_in(10, _altered(values), texts)


@st.composite
def _phone_texts(draw: st.DrawFn) -> str:
    """Make a phone number or a part of one, as people may write it; none of separators alone, which is refused."""
    text = draw(_altered(PHONE_NUMBERS))
    for separator in draw(st.lists(st.sampled_from(" .-()[]"), max_size=3)):
        at = draw(st.integers(0, len(text)))
        text = text[:at] + separator + text[at:]
    text = draw(st.sampled_from([text, text.replace("+", " ", 1) if text.startswith("+") else text]))
    return text if text.strip(" .-()[]") else ""


_PARTS = ("like", "contains")
_WHOLE = ("eq", "ne", "in", "nin")
_ORDERED = ("gt", "gte", "lt", "lte")
_TEXT = (*_WHOLE, *_PARTS, "exists")
_TIME = (*_WHOLE, *_ORDERED, "exists")
_MOMENTS_SENT = st.sampled_from((*MOMENTS, *DAYS, *SAME_MOMENTS))

_FIELDS: dict[str, tuple[tuple[str, ...], st.SearchStrategy[str]]] = {
    "email": (_TEXT, _texts(*EMAILS, "jane tag@example.com")),
    "name": (_TEXT, _texts(*NAMES)),
    "phoneNumber": (_TEXT, _phone_texts()),
    "dateOfBirth": (_TIME, st.sampled_from((*BIRTHS, *DAYS))),
    "createdAt": (_TIME, _MOMENTS_SENT),
    "updatedAt": (_TIME, _MOMENTS_SENT),
    "metadata": (_TEXT, _texts(*METADATA)),
}


@st.composite
def filters(draw: st.DrawFn, ids: tuple[str, ...]) -> Filter:
    """Make a filter on any field, of which some find one of these ids."""
    name = draw(st.sampled_from(["id", *_FIELDS]))
    operators, values = (_TEXT, _texts("cus_", *ids)) if name == "id" else _FIELDS[name]
    operator = draw(st.sampled_from(operators))
    values = st.sampled_from(["true", "false"]) if operator == "exists" else values
    several = draw(st.lists(values, min_size=1, max_size=4 if operator in ("in", "nin") else 1))
    key = draw(st.sampled_from(KEYS)) if name == "metadata" else ""
    is_short = operator == "eq" and draw(st.booleans())
    return Filter(name, operator, tuple(several), key, draw(st.booleans()), is_short)


@st.composite
def queries(draw: st.DrawFn, ids: tuple[str, ...]) -> Query:
    """Make a query; no parameter stands twice but where it may."""
    several = draw(st.lists(filters(ids), max_size=3, unique_by=lambda each: each.parameters[0][0]))
    return Query(
        tuple(several),
        draw(st.sampled_from(["createdAt", "updatedAt", "email", "name", "id"])),
        draw(st.sampled_from(["asc", "desc", "ASC", "DESC"])),
        draw(st.integers(1, 4)),
        draw(st.sampled_from([1, 2, 3, 10, 100])),
        {
            "DEEP": draw(st.sampled_from([0, 2, 1000])),
            "GLANCE": draw(st.sampled_from([1, 2, 3, 30])),
            "LONG_GLANCE": draw(st.sampled_from([1, 2, 3, 50_000])),
            "FEW": draw(st.sampled_from([0, 1, 2, 3, 2000])),
        },
    )
