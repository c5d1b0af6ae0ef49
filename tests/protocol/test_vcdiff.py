"""Deltas, read back by Ably's own decoder of them."""

import json
import random

import pytest
import vcdiff_decoder
from hypothesis import example, given
from hypothesis import strategies as st

from ablykit.protocol import vcdiff
from ablykit.protocol.vcdiff import encode

some_bytes = st.binary(max_size=300) | st.text(alphabet="abc", max_size=300).map(str.encode)


@given(base=some_bytes.filter(len), target=some_bytes)
@example(base=b"a" * 5_000, target=b"a" * 4_999 + b"b" + b"a" * 5_000)
@example(base=bytes(range(256)) * 300, target=bytes(range(255, -1, -1)) * 2 + bytes(range(256)) * 200)
@example(base=b"abcd", target=b"abcd")
@example(base=b"abcdabcd", target=b"abcd")
@example(base=b"x", target=b"")
def test_a_decoder_makes_the_target_of_base_and_delta(base, target):
    assert vcdiff_decoder.decode(base, encode(base, target)) == target


@given(st.lists(some_bytes, min_size=2, max_size=8))
def test_pieces_in_another_order_are_found(pieces):
    base = b"|".join(pieces)
    target = b"|".join(reversed(pieces))
    assert vcdiff_decoder.decode(base, encode(base, target)) == target


@pytest.mark.parametrize(
    ("change", "most"),
    [
        ({"count": 2}, 24),
        ({"status": "inactive"}, 26),
        ({"foo": "bar" * 30}, 110),
    ],
)
def test_a_small_change_is_a_small_delta(change, most):
    before = {"foo": "bar", "count": 1, "status": "active"}
    base, target = (json.dumps(each).encode() for each in (before, before | change))
    assert len(encode(base, target)) <= most


def test_what_was_moved_within_a_large_payload_costs_little():
    parts = [json.dumps({"id": n, "text": f"entry number {n}"}).encode() for n in range(2_000)]
    base, target = b",".join(parts), b",".join(parts[1_000:] + parts[:1_000])
    delta = encode(base, target)
    assert len(delta) < len(target) / 50
    assert vcdiff_decoder.decode(base, delta) == target


def test_what_is_all_new_is_written_out():
    base, target = bytes(1_000), bytes(n % 251 + 1 for n in range(1_000))
    assert len(target) < len(encode(base, target)) < len(target) + 40


def noise(size, seed=1):
    return random.Random(seed).randbytes(size)


def shuffled(data, width=8):
    blocks = [data[i : i + width] for i in range(0, len(data), width)]
    random.Random(1).shuffle(blocks)
    return b"".join(blocks)


COSTLY = {
    "nothing alike": lambda n: (noise(n), noise(n, 2)),
    "all alike but the ends": lambda n: (b"a" * n, b"b" + b"a" * (n - 2) + b"c"),
    "alike in eights": lambda n: (noise(n), shuffled(noise(n))),
    "runs of eight within a long run": lambda n: (b"a" * n, b"aaaaaaaab" * (n // 9)),
    "runs of eight": lambda n: (b"aaaaaaaac" * (n // 9), b"aaaaaaaab" * (n // 9)),
    "runs as long as what is compared at once": lambda n: (
        b"a" * 256 + b"c" * n,
        (b"a" * 256 + b"b") * (n // 257),
    ),
    "two turns": lambda n: (b"ab" * (n // 2), b"x" + b"ba" * (n // 2) + b"y"),
}


@pytest.mark.parametrize("what", COSTLY)
def test_what_is_compared_grows_with_the_data_and_no_faster(what, monkeypatch):
    alike = vcdiff._alike
    compared = []
    monkeypatch.setattr(vcdiff, "_alike", lambda a, b: compared.append(min(len(a), len(b))) or alike(a, b))
    for size in (8_192, 65_536):
        base, target = COSTLY[what](size)
        compared.clear()
        assert vcdiff_decoder.decode(base, encode(base, target)) == target
        assert sum(compared) <= 40 * (len(base) + len(target))


def test_one_byte_over_and_over_is_copied_at_once():
    assert len(encode(b"a" * 65_536, b"b" + b"a" * 65_534 + b"c")) < 40
