"""Forms: a configuration as the fields of a form, and what was chosen there as what the actions take."""

import re

import msgspec
from msgspec import UNSET

from odus.gateways.model import GatewayProfile
from odus.kit import bodies, fields
from odus.kit.edits import Edit
from odus.merchant_configs.actions import DELAYED
from odus.merchant_configs.model import MerchantConfig, MerchantConfigUpdate

Choices = dict[str, str]
"""What each value of a field is called."""

METHODS = {
    "automatic": "At once",
    "manual": "When you say so",
    DELAYED: "After some days",
}
DELAYS = {"1": "1 day"} | {str(days): f"{days} days" for days in range(2, 6)}

_update = bodies.decoder(MerchantConfigUpdate)


def values_of(config: MerchantConfig) -> dict[str, str]:
    """Return a configuration as the form shows it."""
    return {
        "gatewayProfile": config.gateway_profile or "",
        "captureMethod": config.capture_method,
        "captureDelay": str(config.capture_delay or ""),
        "timezone": config.timezone,
        "displayCurrency": config.display_currency,
    }


def choices(profiles: list[GatewayProfile]) -> dict[str, Choices]:
    """Return what can be chosen in each field that has few values."""
    return {
        "gatewayProfile": {"": "None"} | {profile.id: profile.title for profile in profiles},
        "captureMethod": METHODS,
        "captureDelay": DELAYS,
        "displayCurrency": {code: code.upper() for code in sorted(fields.currencies())},
    }


def update(edit: Edit) -> MerchantConfigUpdate:
    """Read what was changed, and nothing else. Raises `validation_failed`."""
    body: dict[str, object] = dict(edit.changed)
    if "gatewayProfile" in body:
        body["gatewayProfile"] = body["gatewayProfile"] or None
    if "captureDelay" in body:
        body["captureDelay"] = _number(edit.values["captureDelay"])
    data = _update(bodies.encode(body))
    is_asked = edit.values["captureMethod"] == DELAYED  # else the delay is not shown, and sent all the same
    return data if is_asked else msgspec.structs.replace(data, capture_delay=UNSET)


def _number(text: str) -> int | str | None:
    """Return what was typed as JSON has it; what is no number is for the model to refuse."""
    return int(text) if re.fullmatch("[0-9]{1,9}", text) else text or None
