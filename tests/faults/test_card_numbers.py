"""Card numbers and security codes are nowhere: in no table, no event and no log, whatever became of the request."""

import re
from pathlib import Path

import asyncpg
import httpx

from odus.gateways import cards
from tests import make, processes
from tests.faults.figures import note
from tests.payments import acts
from tests.payments.acts import MANUAL, Object

NUMBERS = {
    make.VISA: "739",
    make.MASTERCARD: "739",
    "378282246310005": "8731",
    make.CHALLENGED: "739",
    make.DECLINED: "739",
    make.FRAUD: "739",
    make.APPROVED_ONCE: "739",
    "4111111111111111": "739",
    "4242424242424241": "739",
}
"""Good ones, declined ones, one that no gateway knows, and one with a wrong check digit."""


def said(number: str) -> list[str]:
    """Return a number as people write it."""
    groups = [number[start : start + 4] for start in range(0, len(number), 4)]
    return [number, *(mark.join(groups) for mark in (" ", "-", ".", "/", "  ", "\u2009"))]


def secrets() -> re.Pattern[str]:
    """Return a pattern of all that must be nowhere: numbers in any spelling, and codes between no other signs."""
    numbers = "|".join(re.escape(each) for number in NUMBERS for each in said(number))
    codes = "|".join(sorted(set(NUMBERS.values())))
    return re.compile(rf"(?:{numbers})|(?<![0-9A-Za-z._+-])(?:{codes})(?![0-9A-Za-z.:_+-])")


def bodies(number: str, cvc: str) -> list[Object]:
    """Return requests to authorize, right ones and wrong ones, with the card in each place where it may stand."""
    right = make.card(number, cvc=cvc)
    return [
        {"card": {**right, "expYear": "2020"}},
        {"card": {**right, "cvc": number}},
        {"card": {**right, "cvc": cvc + "x"}},
        {"card": {**right, "expMonth": number, "expYear": cvc}},
        {"card": {**right, number: cvc}},
        {"card": {**right, "number": int(number), "cvc": int(cvc)}},
        {"card": [number, cvc]},
        {"card": f"{number} {cvc}"},
        {"card": right, "paymentMethod": number},
        {"paymentMethod": f"{number} {cvc}"},
        {"card": right, number: cvc},
        {"number": number, "cvc": cvc},
        *({"card": {**right, "cardholderName": f"Jane {each}"}} for each in said(number)),
        {"outcome": number},
        {"outcome": f"{number} {cvc}"},
        {f"{number} {cvc}": cvc},
        {"card": {**right, "number": said(number)[1]}},
        {"card": right},
        {"card": right},
    ]


async def pay(client: httpx.AsyncClient, number: str, cvc: str) -> list[str]:
    """Send all of it; return what was answered."""
    answers: list[str] = []
    customer = (await make.customer(client))["id"]
    for turn, body in enumerate(bodies(number, cvc)):
        options = MANUAL if turn % 2 else None
        payment = await make.payment(client, customer=customer, paymentMethodOptions=options)
        path = f"/payments/{payment['id']}/authorize"
        keys = (f"{number[-4:]} {turn}", f"{number[-4:]} {turn}", f"again {payment['id']}")
        answers += [(await client.post(path, json=body, headers={"Idempotency-Key": key})).text for key in keys]
        later = {"complete-action": {"outcome": "succeeded"}, "capture": {}, "reverse": {"amount": 1}}
        answers += [(await acts.ask(client, payment, verb, more)).text for verb, more in later.items()]
        answers.append((await acts.ask(client, payment, "complete-action", body)).text)
    payment = await make.payment(client, customer=customer)
    path = f"/payments/{payment['id']}/authorize"
    broken = (
        f'{{"card": {{"number": "{number}", "cvc": "{cvc}"',
        f'{{"card": "{number}", "card": "{cvc}"}}',
        f'{{"{number}": "{cvc}", "{number}": "{cvc}"}}',
    )
    headers = {"Content-Type": "application/json"}
    answers += [(await client.post(path, content=content, headers=headers)).text for content in broken]
    answers.append((await client.post(f"{path}?number={number}&cvc={cvc}", content=f"number={number}&cvc={cvc}")).text)
    return answers


async def everything(dsn: str) -> list[tuple[str, str]]:
    """Return every row of every table of all schemas but PostgreSQL's own, as text.

    Numbers that PostgreSQL or the queue counts up are left out, as they come by any code.
    """
    connection = await asyncpg.connect(dsn)
    try:
        tables = await connection.fetch(
            "select format('%I.%I', schemaname, tablename) as name from pg_tables"
            " where schemaname not in ('pg_catalog', 'information_schema')"
        )
        return [
            (table["name"], _readable(row["row"]))
            for table in tables
            for row in await connection.fetch(_ROWS.replace("TABLE", table["name"]))
        ]
    finally:
        await connection.close()


_ROWS = """
select (to_jsonb(this) - 'xid' - 'snapshot' - case when 'TABLE' like '%pgqueuer%' then '{id,job_id}'::text[]
    else '{}' end)::text as row
from TABLE as this
"""


def _readable(row: str) -> str:
    """Return a row with its bytes as the text that they may be."""
    return re.sub(r"\\\\x([0-9a-f]+)", lambda found: bytes.fromhex(found[1]).decode("latin-1"), row)


async def test_card_numbers_and_codes_are_stored_and_logged_nowhere(data: Path) -> None:
    pattern = secrets()
    assert pattern.search('"cvc": "739"')
    assert pattern.search("(4242 4242 4242 4242)")
    with processes.serving(data, workers=1, ODUS_LOG_LEVEL="debug") as server:
        async with processes.shop(server.url, processes.dsn(data)) as shop:
            answers = [text for number, cvc in NUMBERS.items() for text in await pay(shop.client, number, cvc)]
        rows = await everything(processes.dsn(data))
        logged = server.logged()
    found = [(table, pattern.search(row)) for table, row in rows]
    assert [(table, hit[0]) for table, hit in found if hit] == []
    assert {"public.payments", "public.events", "public.sandbox_calls"} <= {table for table, _ in rows}
    assert any('"displayStatus"' in row for table, row in rows if table == "public.idempotency_records")
    lines = [line for line in logged.splitlines() if line.startswith("{")]
    assert [hit[0] for line in lines if (hit := pattern.search(line))] == []
    assert not any(spelling in logged for number in NUMBERS for spelling in said(number))
    known = [spelling for number in NUMBERS if cards.is_number(number) for spelling in said(number)]
    assert [text for text in answers if any(number in text for number in known)] == []
    assert logged.count("/payments/{id}/authorize") >= len(answers) / 3
    assert sum(text.count('"displayStatus":"succeeded"') for text in answers) > 20
    note(f"card numbers and codes: none in {len(rows):,} rows and {len(lines):,} lines of the log")
