"""Holds the Python and the SQL to the published cases."""

import itertools
import json
import pathlib

import assignment
import duckdb
import gates
import xxhash

here = pathlib.Path(__file__).parent
published = json.loads((here.parent / "tests/data/assignment-v1.json").read_text())["experiments"]

checked = 0
for experiment in published:
    id = experiment["experiment_id"]
    assert assignment.seed(id) == int(experiment["seed"], 16)
    assert assignment.variant(id, experiment["percentages"], "") is None
    for case in experiment["cases"]:
        assert assignment.variant(id, experiment["percentages"], case["user_key"]) == case["variant"], case
        checked += 1
print(f"python: {checked} cases")

database = duckdb.connect()
database.create_function(
    "xxh3_seeded",
    lambda text, seed: xxhash.xxh3_64_intdigest(text.encode(), seed=seed),
    ["VARCHAR", "UBIGINT"],
    "UBIGINT",
)
database.execute("CREATE TABLE experiments (id VARCHAR, seed UBIGINT)")
database.execute("CREATE TABLE variants (experiment VARCHAR, position INTEGER, cumulative INTEGER)")
database.execute("CREATE TABLE users (experiment VARCHAR, user_key VARCHAR)")
expected = {}
for number, experiment in enumerate(published):
    # An id may be published with several percentages: each list is an experiment of its own here.
    id = f"{number}"
    database.execute("INSERT INTO experiments VALUES (?, ?)", [id, int(experiment["seed"], 16)])
    database.execute("INSERT INTO users VALUES (?, '')", [id])
    for position, cumulative in enumerate(itertools.accumulate(experiment["percentages"])):
        database.execute("INSERT INTO variants VALUES (?, ?, ?)", [id, position, cumulative])
    for case in experiment["cases"]:
        expected[id, case["user_key"]] = case["variant"]
        database.execute("INSERT INTO users VALUES (?, ?)", [id, case["user_key"]])
rows = database.execute((here / "assignment.sql").read_text()).fetchall()
found = {(experiment, user_key): variant for experiment, user_key, variant in rows}
assert found == expected, set(found.items()) ^ set(expected.items())
print(f"sql: {len(found)} cases")

published = json.loads((here.parent / "tests/data/gates-v1.json").read_text())

checked = 0
for gate in published["gates"]:
    kind, id = gate["kind"], gate["id"]
    assert gates.seed(kind, id) == int(gate["seed"], 16), gate["seed"]
    within = {"coverage": gates.covered, "holdout": gates.held_out, "rule": gates.picked}.get(kind)
    for case in gate["cases"]:
        slot = case["slot"]
        assert gates.slot(kind, id, case["unit"]) == slot, case
        # A slot is in the range that ends right after it, and in none that ends or begins there.
        if within:
            assert within(id, (slot + 1) / 1000, case["unit"]), case
            assert not within(id, slot / 1000, case["unit"]), case
        else:
            assert gates.in_range(id, slot / 1000, (slot + 1) / 1000, case["unit"]), case
            assert not gates.in_range(id, 0, slot / 1000, case["unit"]), case
            assert not gates.in_range(id, (slot + 1) / 1000, 100, case["unit"]), case
        checked += 1
for case in published["units"]:
    assert gates.unit(case["attribute"]) == case["unit"], case
print(f"python: {checked} slots")

database.execute("CREATE TABLE ranges (name VARCHAR, seed UBIGINT, first_slot INTEGER, end_slot INTEGER)")
database.execute("CREATE TABLE units (name VARCHAR, unit VARCHAR)")
expected = set()
for number, gate in enumerate(published["gates"]):
    # Of each slot the ranges that it begins, that it ends, and that it lies just outside of.
    for position, case in enumerate(gate["cases"]):
        slot, unit = case["slot"], case["unit"]
        for place, first, end in [("in", slot, slot + 1), ("below", 0, slot), ("above", slot + 1, 100_000)]:
            name = f"{number}/{position}/{place}"
            database.execute("INSERT INTO ranges VALUES (?, ?, ?, ?)", [name, int(gate["seed"], 16), first, end])
            database.executemany("INSERT INTO units VALUES (?, ?)", [[name, unit], [name, ""]])
        expected.add((f"{number}/{position}/in", unit))
rows = database.execute((here / "gates.sql").read_text()).fetchall()
assert len(rows) == len(expected) and set(rows) == expected, set(rows) ^ expected
print(f"sql: {len(rows)} slots")
database.remove_function("xxh3_seeded")
database.close()
