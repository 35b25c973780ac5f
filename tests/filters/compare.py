"""Random conditions, joined by all, any and not, put to two evaluators: see .ci/conditions.

Left out is what the other evaluator, a prototype, does not do exactly: numbers beyond 2^53 in texts,
floats that are written with an exponent, fractions below a millisecond, years below 1, leap seconds,
and the defects that it does not look for."""

import collections
import json
import random
import subprocess
import sys
import tempfile

from conditions import Fault, tree

RANDOM = random.Random(20261127)
ATTRIBUTES = ["plan", "age", "version", "at", "tags"]
TEXTS = ["", "pro", "Pro", "PRO", "free", "improve", "true", "True", "false", "é", "É", "e\u0301", "K", "x" * 40, "a b"]
NUMBERS = [0, 1, 5, 17, 18, -1, 5.0, 5.5, 0.1, -0.5, 1000, 9007199254740991, 9223372036854775807, -9223372036854775808,
           18446744073709551615, 9007199254740992.0, 1e15, 1512543600000, 1512543599999, 1512543600000.0]
NUMBER_TEXTS = ["0", "-0", "5", "05", "5.0", "5.5", "17", "18", "1e3", "1E3", "1e", ".5", "5.", "+5", " 5", "0.1", "-0.5", "NaN"]
VERSIONS = ["1", "1.9", "1.9.0", "1.10.0", "2.0.0-rc.2", "2.0.0-rc.10", "2.0.0-rc", "2.0.0", "1.0.0+a", "1.0.0+b", "v2.0.0",
            "02.0.0", "2.0.0.0", "2.0.0-01", "2.0.0-", "1.0.0-a.b", "1.0.0--", "17.2-a+b"]
TIMES = ["2017-12-06T07:00:00Z", "2017-12-06T00:00:00-07:00", "2017-12-06T00:00:00.123-07:00", "2017-12-06t07:00:00z",
         "2017-12-06T06:59:59.999Z", "2017-12-06", "2017-12-06T07:00:00", "2026-02-30T00:00:00Z", "2024-02-29T12:00:00+05:30",
         "1512543600000", "2017-12-06 07:00:00Z", "0001-01-02T00:00:00Z", "9999-12-30T23:59:59Z"]
PATTERNS = ["pro", "^pro", "o$", "^(pro|free)$", "[0-9]+", "^[a-z]+$", "x+y", "^.{1,4}$", "(", "(?=a)b", "a*"]
ORDER = ["greater_than", "greater_than_or_equals", "less_than", "less_than_or_equals"]
SEMVER = ["semver_equals", "semver_greater_than", "semver_greater_than_or_equals", "semver_less_than", "semver_less_than_or_equals"]
EQUAL, LISTS = ["equals", "not_equals"], ["in", "not_in"]
PARTS = ["contains", "not_contains", "starts_with", "ends_with"]
OPERATORS = EQUAL + LISTS + PARTS + ORDER + SEMVER + ["before", "after", "matches", "is_set", "is_not_set"]


def scalar():
    pools = [TEXTS, NUMBERS, NUMBER_TEXTS, VERSIONS, TIMES, [True, False]]
    value = RANDOM.choice(RANDOM.choice(pools))
    if RANDOM.random() < 0.1:
        value = RANDOM.randint(-30, 30) / RANDOM.choice([1, 2, 4])
    return value


def attribute():
    chance = RANDOM.random()
    if chance < 0.05:
        return None
    if chance < 0.25:
        return [RANDOM.choice([None, {}, []]) if RANDOM.random() < 0.1 else scalar() for _ in range(RANDOM.randint(0, 3))]
    return {"a": 1} if chance < 0.28 else scalar()


def value(operator):
    if RANDOM.random() < 0.1 and operator != "matches":
        return [scalar()] if operator in LISTS else scalar()
    if operator in LISTS:
        return [scalar() for _ in range(RANDOM.choice([0, 1, 2, 3, 20]))]
    if operator in PARTS:
        texts = TEXTS[1:] + NUMBER_TEXTS
        return RANDOM.choice(texts) if RANDOM.random() < 0.5 else RANDOM.choices(texts, k=RANDOM.randint(0, 3))
    if operator == "matches":
        return RANDOM.choice(PATTERNS)
    if operator in EQUAL:
        return scalar()
    pool = {"before": TIMES + NUMBERS, "after": TIMES + NUMBERS}.get(operator)
    return RANDOM.choice(pool or (VERSIONS if operator in SEMVER else NUMBERS + NUMBER_TEXTS))


def condition():
    operator = RANDOM.choice(OPERATORS)
    made = {"attribute": RANDOM.choice(ATTRIBUTES), "operator": operator}
    if operator not in ("is_set", "is_not_set"):
        made["value"] = value(operator)
    if RANDOM.random() < 0.3:
        made["negate"] = True
    texts = made.get("value")
    texts = texts if isinstance(texts, list) else [texts]
    # "" in a text and in a text list, and what is not ASCII, are refused here and not there.
    if operator in PARTS and "" in texts:
        made["value"] = "pro"
    is_ascii = all(not isinstance(text, str) or text.isascii() for text in texts)
    if operator in EQUAL + LISTS + PARTS + ["matches"] and is_ascii and RANDOM.random() < 0.3:
        made["ignore_case"] = True
    return made


def test(depth=2):
    chance = RANDOM.random()
    if depth == 0 or chance < 0.6:
        return condition()
    if chance < 0.7:
        return {"not": test(depth - 1)}
    return {RANDOM.choice(["all", "any"]): [test(depth - 1) for _ in range(RANDOM.randint(0, 3))]}


def answer(case):
    try:
        truth = tree(case["test"])(case["attributes"])
    except Fault:
        return "fault"
    return {True: "true", False: "false", None: "undecided"}[truth]


def batch(program, count):
    with tempfile.TemporaryFile("w+") as cases, tempfile.TemporaryFile("w+") as answers:
        expected = []
        for _ in range(count):
            known = {name: attribute() for name in ATTRIBUTES if RANDOM.random() < 0.8}
            case = {"test": test(), "attributes": known}
            cases.write(json.dumps(case) + "\n")
            expected.append(answer(case))
        cases.seek(0)
        subprocess.run([program], stdin=cases, stdout=answers, check=True)
        cases.seek(0)
        answers.seek(0)
        found = answers.read().split()
        assert len(found) == count, (len(found), count)
        wrong = [(line, ours, theirs) for line, ours, theirs in zip(cases, found, expected) if ours != theirs]
        for line, ours, theirs in wrong[:5]:
            print(f"{line.strip()}\n  here {ours}, there {theirs}", file=sys.stderr)
        return collections.Counter(found), len(wrong)


def main(program, count):
    seen, wrong = collections.Counter(), 0
    while (left := count - sum(seen.values())) > 0 and not wrong:
        answers, wrong = batch(program, min(left, 100_000))
        seen += answers
    print(f"{sum(seen.values())} conditions: " + ", ".join(f"{n} {answer}" for answer, n in sorted(seen.items())))
    if wrong or (count >= 1000 and len(seen) < 4):
        sys.exit(f"{wrong} answers differ")


main(sys.argv[1], int(sys.argv[2]))
