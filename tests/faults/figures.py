"""What the fault tests measured and counted, to be printed when the run ends."""

FIGURES: list[str] = []


def note(sentence: str) -> None:
    """Have a sentence printed at the end of the run."""
    FIGURES.append(sentence)
