"""Assignment v1: which variant of an experiment a user is in."""

import uuid

import xxhash


def seed(experiment_id: str) -> int:
    """What separates one experiment's split from every other's."""
    return xxhash.xxh3_64_intdigest(uuid.UUID(experiment_id).bytes)


def bucket(experiment_id: str, user_key: str) -> int:
    """Where a user falls: 0 to 99."""
    return xxhash.xxh3_64_intdigest(user_key.encode(), seed=seed(experiment_id)) * 100 >> 64


def variant(experiment_id: str, percentages: list[int], user_key: str) -> int | None:
    """The position of the user's variant; None for the empty key, which is nobody."""
    if not user_key:
        return None
    place = bucket(experiment_id, user_key)
    cumulative = 0
    for position, percentage in enumerate(percentages):
        cumulative += percentage
        if place < cumulative:
            return position
    raise ValueError(f"percentages must sum to 100, found {cumulative}")


if __name__ == "__main__":
    import sys

    experiment_id, percentages, user_key = sys.argv[1:]
    print(variant(experiment_id, [int(part) for part in percentages.split(",")], user_key))
