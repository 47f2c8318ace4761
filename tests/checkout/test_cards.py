"""What is typed into the form of a card, and what is wrong with it."""

import pytest

from odus.checkout import cards
from odus.checkout.cards import MESSAGES
from odus.kit.pages import Form
from tests.checkout.payer import CARD, Payer
from tests.dashboard import markup


def _form(**fields: str) -> Form:
    return Form({name: [text] for name, text in {**CARD, **fields}.items()})


@pytest.mark.parametrize(
    "text",
    ["04 / 40", "04/40", "4/40", "4 40", "0440", "440", "04-2040", "04/2040", "042040", "2040-04", " 4 . 40 "],
)
def test_an_expiry_is_read_however_it_is_written(text: str) -> None:
    form = _form(expiry=text)
    assert not cards.typed(form).errors
    assert (cards.card(form).exp_month, cards.card(form).exp_year) == ("04", "2040")


@pytest.mark.parametrize("text", ["13/40", "0/40", "00/40", "4", "04/", "04/1940", "04/4", "x", "٠٤/٤٠", "04/40/1"])
def test_what_is_no_expiry_is_told(text: str) -> None:
    assert cards.typed(_form(expiry=text)).errors == {"expiry": MESSAGES["expiry"]["wrong"]}


@pytest.mark.parametrize(
    ("field", "text", "what"),
    [
        ("number", "4242 4242 4242 4241", "wrong"),
        ("number", "4242", "wrong"),
        ("number", "4242 4242 4242 424x", "wrong"),
        ("expiry", "01/20", "past"),
        ("cvc", "12", "wrong"),
        ("cvc", "1234", "wrong"),
        ("cvc", "12x", "wrong"),
        ("name", "J" * 256, "wrong"),
        ("name", "Ja\0ne", "wrong"),
        ("name", "4242 4242 4242 4242", "wrong"),
        *((field, text, "missing") for field in CARD for text in ("", "  ")),
    ],
)
def test_what_is_wrong_is_told_at_its_field(field: str, text: str, what: str) -> None:
    assert cards.typed(_form(**{field: text})).errors == {field: MESSAGES[field][what]}


def test_the_code_of_an_american_express_has_four_digits() -> None:
    assert not cards.typed(_form(number="3782 822463 10005", cvc="1234")).errors
    assert cards.typed(_form(number="3782 822463 10005", cvc="123")).errors == {"cvc": MESSAGES["cvc"]["wrong"]}


@pytest.mark.parametrize("field", ["name", "expiry"])
async def test_a_number_that_was_typed_in_another_field_is_not_shown_again(field: str, jane: Payer) -> None:
    response = await jane.pays(**{field: CARD["number"]})
    assert response.status_code == 400
    assert "value" not in markup.read(response.text).one("input", name=field).attributes


async def test_all_that_is_wrong_is_told_at_once_and_nothing_is_tried(jane: Payer) -> None:
    wrong = {"number": "4242 4242 4242 4241", "expiry": "", "cvc": "99", "name": "<b>Jane"}
    response = await jane.pays(**wrong)
    page = markup.read(response.text)
    assert response.status_code == 400
    assert {name: page.one(id=f"{name}-note").text for name in CARD} == {
        "number": MESSAGES["number"]["wrong"],
        "expiry": MESSAGES["expiry"]["missing"],
        "cvc": MESSAGES["cvc"]["wrong"],
        "name": "",
    }
    assert [each.attributes["name"] for each in page.every("input", aria_invalid="true")] == ["number", "expiry", "cvc"]
    assert "autofocus" in page.one("input", name="number").attributes
    assert page.one("input", name="name").attributes["value"] == "<b>Jane"
    assert "value" not in page.one("input", name="number").attributes
    assert (await jane.stored())["transactions"] == []
