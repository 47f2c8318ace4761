"""What subscriptions are made of in courses of events: cycles of all units, time zones, and awkward moments."""

from hypothesis import strategies as st

from tests import make
from tests.subscriptions import acts

amounts = st.sampled_from([0, 1, 999, 2000])
firsts = st.builds(acts.cycle, amounts, st.sampled_from(["minute", "hour", "day", "week", "month"]), st.integers(1, 20))
lasts = st.builds(
    lambda amount, lasting: acts.cycle(amount, *lasting),
    st.sampled_from([1, 999, 2000]),
    st.sampled_from(
        [
            *[("minute", 90 * 1440), ("hour", 3001), ("day", 75), ("week", 30), ("month", 3), ("month", 5)],
            *[("month", 13), ("year", 1)],
        ]
    ),
)
"""Cycles that repeat: long enough for some hundred in all, however far time goes by."""
prices = st.tuples(st.lists(firsts, max_size=2), lasts).map(lambda steps: (*steps[0], steps[1]))
zones = st.sampled_from(["UTC", "Europe/Vienna", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"])
starts = st.sampled_from(
    [
        *["2027-01-31T23:30:00.000Z", "2028-02-29T12:00:00.000Z", "2028-03-26T00:59:59.999Z"],
        *["2027-10-31T01:30:00.000Z", "2027-12-31T10:15:00.000Z", "2029-04-30T22:00:00.000Z"],
    ]
)
"""Ends of months, and nights in which clocks are put forward or back."""
typed = st.sampled_from([make.VISA, make.MASTERCARD, make.VISA, make.INSUFFICIENT, make.FRAUD, make.CHALLENGED])
