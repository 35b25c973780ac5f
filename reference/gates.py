"""Slots: who is covered, held out, in a range of a layer, or picked by a rule with a percentage."""

import uuid

import xxhash


def seed(kind: str, id: str) -> int:
    """What separates one gate from every other. The kind is coverage, layer, holdout or rule."""
    return xxhash.xxh3_64_intdigest(kind.encode("ascii") + b"\0" + uuid.UUID(id).bytes)


def slot(kind: str, id: str, unit: str) -> int:
    """Where a unit falls: 0 to 99,999."""
    return xxhash.xxh3_64_intdigest(unit.encode(), seed=seed(kind, id)) * 100_000 >> 64


def slots(per_cent: float) -> int:
    """A percentage of at most three decimals in slots."""
    return round(per_cent * 1000)


def covered(experiment_id: str, coverage: float, unit: str) -> bool:
    return slot("coverage", experiment_id, unit) < slots(coverage)


def in_range(layer_id: str, begin: float, end: float, unit: str) -> bool:
    """Whether a unit is in one range of a layer. An experiment may have several."""
    return slots(begin) <= slot("layer", layer_id, unit) < slots(end)


def held_out(holdout_id: str, percentage: float, unit: str) -> bool:
    return slot("holdout", holdout_id, unit) < slots(percentage)


def picked(rule_id: str, percentage: float, unit: str) -> bool:
    return slot("rule", rule_id, unit) < slots(percentage)


def unit(attribute: object) -> str | None:
    """What is hashed of the attribute that `bucket_by` names; None if it is not a unit."""
    if isinstance(attribute, str):
        return attribute or None
    if isinstance(attribute, int) and not isinstance(attribute, bool):
        return str(attribute)
    return None


if __name__ == "__main__":
    import sys

    kind, id, unit_key = sys.argv[1:]
    print(slot(kind, id, unit_key))
