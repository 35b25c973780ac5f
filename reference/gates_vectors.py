"""Makes tests/data/gates-v1.json with the package xxhash: python3 reference/gates_vectors.py > tests/data/gates-v1.json

Written from the formulas alone, and not with gates.py, which is checked against the file.
"""

import json
import pathlib
import random
import uuid

import xxhash

KINDS = ["coverage", "layer", "holdout", "rule"]
SLOTS = 100_000

# The documented examples; one id for all four kinds; ids at both ends; and ids that differ in one bit.
GATES = [
    ("coverage", "cd613e30-d8f1-4adf-91b7-584a2265b1f5"),
    ("layer", "0b1f5b50-3f0a-4d53-9a2b-7c4de2b8a001"),
    ("holdout", "7c0e4cf2-98f5-4a9e-8d5c-19b1a4a7a002"),
    ("rule", "cd613e30-d8f1-4adf-91b7-584a2265b1f5"),
    ("layer", "cd613e30-d8f1-4adf-91b7-584a2265b1f5"),
    ("holdout", "cd613e30-d8f1-4adf-91b7-584a2265b1f5"),
    ("coverage", "00000000-0000-0000-0000-000000000000"),
    ("rule", "ffffffff-ffff-ffff-ffff-ffffffffffff"),
    ("layer", "00000000-0000-0000-0000-000000000001"),
    ("holdout", "80000000-0000-0000-0000-000000000000"),
]

# What every gate is asked: the documented key, integers in decimal at the ends of 64 bits, texts that look alike,
# and every length at which XXH3 takes another path.
COMMON = [
    "user-511554", "42", "042", "-7", "0", "9223372036854775807", "-9223372036854775808", "18446744073709551615",
    " ", "Anna", "anna", "a\u0000b", "caf\u00e9", "cafe\u0301", "\U0001f642",
]  # fmt: skip
LENGTHS = [1, 3, 4, 8, 9, 16, 17, 128, 129, 240, 241, 1024, 1025]


def seed(kind: str, id: str) -> int:
    return xxhash.xxh3_64(kind.encode() + bytes(1) + uuid.UUID(id).bytes, seed=0).intdigest()


def case(seed: int, unit: str) -> dict:
    hash = xxhash.xxh3_64(unit.encode(), seed=seed).intdigest()
    return {"unit": unit, "hash": f"{hash:016x}", "slot": hash * SLOTS // 2**64}


def of_length(length: int) -> str:
    """A text of this many bytes, of characters of one to four."""
    text = ("a\u00df\u5b57\U0001f642-Z\u00e9" * length).encode()[:length].decode(errors="ignore")
    return text + "x" * (length - len(text.encode()))


def at_both_ends(seed: int) -> list[str]:
    """The first numbered users in the first and the last slot, and on either side of the middle."""
    wanted = {0, SLOTS // 2 - 1, SLOTS // 2, SLOTS - 1}
    found = []
    number = 0
    while wanted:
        number += 1
        unit = f"user-{number}"
        slot = case(seed, unit)["slot"]
        if slot in wanted:
            wanted.remove(slot)
            found.append(unit)
    return found


published = json.loads((pathlib.Path(__file__).parent.parent / "tests/data/assignment-v1.json").read_text())
keys = sorted({case["user_key"] for experiment in published["experiments"] for case in experiment["cases"]})
numbers = random.Random(20_261_127)
while len(GATES) < 20:
    GATES.append((KINDS[len(GATES) % 4], str(uuid.UUID(int=numbers.getrandbits(128), version=4))))

gates = []
for kind, id in GATES:
    of_gate = seed(kind, id)
    units = list(COMMON)
    units += [of_length(length) for length in LENGTHS]
    units += at_both_ends(of_gate)
    units += numbers.sample(keys, 25)
    cases = [case(of_gate, unit) for unit in dict.fromkeys(units)]
    gates.append({"kind": kind, "id": id, "seed": f"{of_gate:016x}", "cases": cases[:50]})

# What is hashed of the attribute that bucket_by names.
units = [
    (42, "42"), ("42", "42"), ("042", "042"), (-7, "-7"), (0, "0"), (9007199254740991, "9007199254740991"), (" ", " "),
    ("acme", "acme"), ("", None), (4.5, None), (True, None), (None, None), (["a"], None), ({"id": 7}, None),
]  # fmt: skip
units = [{"attribute": attribute, "unit": unit} for attribute, unit in units]
print(json.dumps({"algorithm": "fairsplit-gates-v1", "gates": gates, "units": units}, indent=1))
