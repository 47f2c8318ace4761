"""Writes through the API at a steady pace, beside what is measured."""

import random
import threading
import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from bench.client import Client
from bench.figure import BenchError
from bench.seed import Seeded, customer_id
from bench.server import Server

PACE = 50
"""Writes a second: by turns a new customer, and new metadata of one that is there."""
CONNECTIONS = 16
"""How many take turns, as a write waits for its turn on a busy server."""
LEAST = 0.9
"""The share of the pace that must be kept, or what is measured beside it would be false."""
HOSTS = ("mail.example", "example.com", "inbox.example")


@contextmanager
def writing(server: Server, seeded: Seeded) -> Generator[None]:
    """Write as long as the block runs. Raises `BenchError` where the pace was not kept."""
    stop = threading.Event()
    began = time.monotonic()

    def write(first: int) -> int:
        """Do each write of one connection at its moment, or at once where that has passed; return how many."""
        done = 0
        with Client(server, seeded) as client:
            for number in range(first, 2**31, CONNECTIONS):
                if stop.wait(max(0.0, began + number / PACE - time.monotonic())):
                    break
                client.post(*_write(seeded, number))
                done += 1
        return done

    with ThreadPoolExecutor(CONNECTIONS) as pool:
        running = [pool.submit(write, first) for first in range(CONNECTIONS)]
        try:
            yield
        finally:
            seconds = time.monotonic() - began
            stop.set()
    done = sum(each.result() for each in running)
    if done < LEAST * PACE * seconds:
        raise BenchError(f"The writer came to {done / seconds:.0f} writes a second instead of {PACE}.")


def _write(seeded: Seeded, number: int) -> tuple[str, dict[str, object]]:
    if number % 2:
        customer = customer_id(random.randint(1, seeded.customers))
        return f"/customers/{customer}", {"metadata": {"visits": f"{random.random()}"}}
    host = HOSTS[number // 2 % len(HOSTS)]
    return "/customers", {"email": f"new.customer{number}@{host}", "name": "New Customer"}
