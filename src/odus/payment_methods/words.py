"""Words: what the Dashboard calls the brands of cards."""

BRANDS = {"visa": "Visa", "mastercard": "Mastercard", "amex": "Amex", "discover": "Discover"}


def brand(name: str) -> str:
    """Return what a card's brand is called."""
    return BRANDS.get(name, name.capitalize())
