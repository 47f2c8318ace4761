"""Rare terms: parts of emails that few of the sample customers have."""

import random
from itertools import chain, product

from odus.customers.samples import FIRST_NAMES, LAST_NAMES


def rare_terms() -> list[str]:
    """Return some 44,000 terms, all different.

    Of a million customers, every other one finds some 80, which must be counted, and the rest some 8, which are all on
    the first page.
    """
    chance = random.Random(1)
    first, last = _plain(FIRST_NAMES), _plain(LAST_NAMES)
    some = [".".join(names) for names in product(first, last)]
    some += ["".join(map(str, parts)) for parts in product(("", "."), last, range(10, 100))]
    few = ["".join(map(str, parts)) for parts in product(last, range(100, 1000))]
    chance.shuffle(some)
    return list(chain.from_iterable(zip(some, chance.sample(few, len(some)), strict=True)))


def _plain(names: tuple[str, ...]) -> list[str]:
    return [name.lower() for name in names if name.isascii() and name.isalpha()]
