"""Holds the Python and the SQL to the published cases."""

import itertools
import json
import pathlib

import assignment
import duckdb
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
database.remove_function("xxh3_seeded")
database.close()
