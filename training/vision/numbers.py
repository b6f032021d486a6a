"""Numbers as screens and signs show them: drawn at random, so they must be read digit by digit."""

import random


def plain(rng: random.Random) -> str:
    """Two to six digits."""
    digits = rng.randint(2, 6)
    return str(rng.randint(10 ** (digits - 1), 10**digits - 1))


def price(rng: random.Random) -> str:
    sign = rng.choice("$¥")
    if rng.random() < 0.4:
        return f"{sign}{rng.randint(1, 999)}"
    cents = rng.choice((0, 5, 8, 9, 20, 50, 80, 90, 95, 99, rng.randint(0, 99)))
    return f"{sign}{rng.randint(0, 199)}.{cents:02}"


def time(rng: random.Random) -> str:
    return f"{rng.randint(0, 23):02}:{rng.randint(0, 59):02}"


def percentage(rng: random.Random) -> str:
    return f"{rng.randint(1, 100)}%"


def code(rng: random.Random) -> str:
    """A letter and two or three digits, as doors and platforms have."""
    return f"{rng.choice('ABCDEFGHKR')}{rng.randint(10, 999)}"


def number(rng: random.Random) -> str:
    return rng.choice((plain, plain, price, time, percentage))(rng)
