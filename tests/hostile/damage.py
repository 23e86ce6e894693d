"""Damages bytes as files are damaged by accident or on purpose; a number gives the same damage again."""

from __future__ import annotations

import os
import random
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from core.common.errors import EdgePressError

COUNT = int(os.environ.get("EDGEPRESS_HOSTILE", "0"))
"""How many files each generator makes; 0: a small number for every day."""

_NUMBERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF)
_HEADER = 200


def damaged(data: bytes, number: int) -> bytes:
    """The bytes with one to three kinds of damage."""
    chance = random.Random(number)
    for _ in range(chance.choice((1, 1, 2, 3))):
        data = chance.choice(_KINDS)(data, chance)
    return data


def _cut_off(data: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(len(data) + 1)]


def _flipped(data: bytes, chance: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.randint(1, 20) if data else 0):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _other_number(data: bytes, chance: random.Random) -> bytes:
    """A number in the header, in either order of its bytes."""
    changed, size = bytearray(data), chance.choice((1, 2, 4))
    place = chance.randrange(max(1, min(_HEADER, len(data))))
    value = chance.choice(_NUMBERS) & ((1 << 8 * size) - 1)
    changed[place : place + size] = value.to_bytes(size, chance.choice(("big", "little")))
    return bytes(changed)


def _part_missing(data: bytes, chance: random.Random) -> bytes:
    start = chance.randrange(len(data) + 1)
    return data[:start] + data[start + chance.randint(1, 50) :]


def _part_twice(data: bytes, chance: random.Random) -> bytes:
    start = chance.randrange(len(data) + 1)
    return data[: start + chance.randint(1, 200)] + data[start:]


def _zeros(data: bytes, chance: random.Random) -> bytes:
    start, length = chance.randrange(len(data) + 1), chance.randint(1, 100)
    return data[:start] + bytes(len(data[start : start + length])) + data[start + length :]


_KINDS = (_cut_off, _flipped, _other_number, _part_missing, _part_twice, _zeros)


@dataclass
class Watch:
    """Counts how files end: read, or an error in words; whatever else happens fails the test."""

    read: int = 0
    refused: int = 0
    slowest: tuple[float, str] = (0.0, "")
    bytes: int = 0
    others: list[str] = field(default_factory=list)
    _done: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._before = _memory()  # of the tests that ran before
        threading.Thread(target=self._look_at_memory, daemon=True).start()

    def _look_at_memory(self) -> None:
        while not self._done.wait(0.1):
            self.bytes = max(self.bytes, _memory() - self._before)

    @contextmanager
    def file(self, name: str) -> Iterator[None]:
        """One file."""
        start = time.monotonic()
        try:
            yield
            self.read += 1
        except EdgePressError as exc:
            assert str(exc.reason) and str(exc.next_step)
            self.refused += 1
        except Exception as exc:  # noqa: BLE001 - this is what is looked for
            self.others.append(f"{name}: {exc!r}")
        self.slowest = max(self.slowest, (time.monotonic() - start, name))

    def check(self, most_seconds: float, most_bytes: float = 1.5e9) -> None:
        """Every file was an answer within limits."""
        self._done.set()
        counts = f"read {self.read}, refused {self.refused}, others {len(self.others)}"
        figures = f"{counts}, slowest {self.slowest}, most memory {self.bytes / 1e6:.0f} MB"
        sys.stdout.write(f"\n{figures}\n")
        assert not self.others, self.others[:5]
        assert self.slowest[0] < most_seconds and self.bytes < most_bytes


def _memory() -> int:
    process = psutil.Process()
    total = 0
    for each in (process, *process.children(recursive=True)):
        try:
            total += each.memory_info().rss
        except psutil.Error:
            continue
    return total


def write(path: Path, data: bytes) -> Path:
    """Write a file with its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path
