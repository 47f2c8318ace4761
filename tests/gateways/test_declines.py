from pathlib import Path

import pytest

from odus.gateways.declines import DECLINES, because
from odus.gateways.sandbox import CARDS

DOCUMENT = Path(__file__).parents[2] / "docs" / "api.md"


@pytest.mark.parametrize("code", DECLINES)
def test_each_reason_says_something_to_the_merchant_and_to_the_payer(code: str) -> None:
    declined = DECLINES[code]
    assert declined.code == code
    for sentence in (declined.message, declined.safe_message):
        assert sentence[0].isupper()
        assert sentence.endswith(".")
    assert (declined.processor_code is None) == (declined.processor_message is None)


def test_a_payer_is_not_told_that_fraud_is_suspected() -> None:
    declined = DECLINES["fraud_suspected"]
    assert "fraud" not in declined.safe_message.lower()
    assert declined.safe_message == DECLINES["generic_decline"].safe_message


def test_a_hard_decline_is_not_to_be_tried_again_with_the_same_card() -> None:
    hard = [declined for declined in DECLINES.values() if declined.decline_type == "hard_decline"]
    assert hard
    assert all(declined.retry_strategy != "retry_later" for declined in hard)


def test_each_card_of_the_sandbox_that_declines_has_its_reason() -> None:
    assert {*CARDS.values()} - {"approves", "challenges", "approves_once"} <= {*DECLINES}


def test_a_reason_can_be_told_in_other_words() -> None:
    assert because("generic_decline", "Not today.").message == "Not today."
    assert because("generic_decline") is DECLINES["generic_decline"]


def test_a_reason_that_is_not_known_is_a_fault() -> None:
    with pytest.raises(KeyError):
        because("bad_mood")
