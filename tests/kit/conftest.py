"""How the property tests of the kit run: without a time limit for each example, since the machines are shared."""

from hypothesis import settings

settings.register_profile("kit", deadline=None)
settings.load_profile("kit")
