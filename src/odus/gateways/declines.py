"""Declines: what a payer, a merchant and a processor say of each reason (payments.md §4)."""

import msgspec

from odus.gateways.protocol import Declined

_KNOWN = (
    Declined(
        code="generic_decline",
        message="The card was declined.",
        safe_message="Your card was declined. Try another card, or ask your bank.",
        decline_type="soft_decline",
        retry_strategy="use_another_method",
        processor_code="05",
        processor_message="Do not honor",
    ),
    Declined(
        code="insufficient_funds",
        message="The card has insufficient funds.",
        safe_message="Your card has insufficient funds. Try another card.",
        decline_type="soft_decline",
        retry_strategy="retry_later",
        processor_code="51",
        processor_message="Insufficient funds",
    ),
    Declined(
        code="expired_card",
        message="The card has expired.",
        safe_message="Your card has expired. Try another card.",
        decline_type="soft_decline",
        retry_strategy="use_another_method",
        processor_code="54",
        processor_message="Expired card",
    ),
    Declined(
        code="fraud_suspected",
        message="The payment was declined as fraud is suspected.",
        safe_message="Your card was declined. Try another card, or ask your bank.",
        decline_type="hard_decline",
        retry_strategy="do_not_retry",
        processor_code="59",
        processor_message="Suspected fraud",
        special_code="pick_up_card",
    ),
    Declined(
        code="card_not_supported",
        message="The card is not one of the sandbox's test cards.",
        safe_message="This card cannot be used here. Try another card.",
        decline_type="hard_decline",
        retry_strategy="use_another_method",
        processor_code="57",
        processor_message="Not a test card",
    ),
    Declined(
        code="authentication_failed",
        message="The payer did not confirm the payment at the bank (3-D Secure).",
        safe_message="The payment was not confirmed. Try again, or use another card.",
        decline_type="soft_decline",
        retry_strategy="retry_later",
    ),
    Declined(
        code="authentication_required",
        message="The card asks for a confirmation by its holder, who is not there.",
        safe_message="Your bank asks you to confirm this payment.",
        decline_type="soft_decline",
        retry_strategy="use_another_method",
    ),
    Declined(
        code="authentication_expired",
        message="The payer did not confirm the payment within 24 hours (3-D Secure).",
        safe_message="The payment was not confirmed in time. Try again.",
        decline_type="soft_decline",
        retry_strategy="retry_later",
    ),
    Declined(
        code="action_abandoned",
        message="The payment was cancelled before the payer confirmed it.",
        safe_message="The payment was cancelled.",
        decline_type="soft_decline",
        retry_strategy="retry_later",
    ),
    Declined(
        code="gateway_unreachable",
        message="The request did not reach the gateway; no money was moved.",
        safe_message="The payment could not be processed. Try again.",
        decline_type="soft_decline",
        retry_strategy="retry_later",
    ),
    Declined(
        code="charge_state",
        message="The gateway's charge is not in a state that permits this.",
        safe_message="The payment could not be processed.",
        decline_type="hard_decline",
        retry_strategy="do_not_retry",
    ),
)

DECLINES = {declined.code: declined for declined in _KNOWN}
"""Every reason, by its code; the codes are stable and stand in docs/api.md."""


def because(code: str, message: str = "") -> Declined:
    """Return the decline of a reason, in other words where they say more."""
    known = DECLINES[code]
    return msgspec.structs.replace(known, message=message) if message else known
