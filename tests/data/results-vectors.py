"""Makes results-v1.json, by which tests/results judges the crate's statistics.

    python -m venv venv
    venv/bin/pip install statsmodels==0.15.0 scipy==1.17.1 gbstats==0.8.0 ssrm-test==0.1.5 mpmath==1.4.1
    venv/bin/python tests/data/results-vectors.py > tests/data/results-v1.json

Nothing of the crate is in here: every figure is one of those packages', or is summed or integrated by mpmath where
they have none that is good enough.
"""

import importlib.metadata
import json
import math
import platform

import mpmath
import numpy as np
import scipy.stats
from gbstats.frequentist.tests import SequentialConfig, SequentialTwoSidedTTest, frequentist_variance
from gbstats.models.statistics import ProportionStatistic
from gbstats.utils import check_srm
from scipy.special import chdtrc, erfc, gammaln
from statsmodels.stats import proportion as sm
from statsmodels.stats.multitest import multipletests

# ssrm-test was written for numpy 1.
np.Inf = np.inf
from ssrm_test.ssrm_test import sequential_p_values

mpmath.mp.dps = 40

PACKAGES = ["numpy", "scipy", "statsmodels", "gbstats", "ssrm-test", "mpmath"]
LEVELS = [0.8, 0.95, 0.99, 0.999]

# Exposed and converted.
PROPORTIONS = [
    (1, 0), (1, 1), (2, 1), (7, 0), (7, 7), (10, 3), (100, 1), (100, 99), (1000, 142), (1000, 187), (44700, 8502),
    (45489, 8279), (10**6, 3), (10**6, 30011), (10**9, 10**8), (10**12, 10**6 + 1), (10**15, 5 * 10**14),
]

# Control and treatment.
PAIRS = [
    ((1000, 142), (1000, 187)),
    ((44700, 8502), (45489, 8279)),
    ((10, 3), (12, 9)),
    ((100, 1), (100, 7)),
    ((100, 99), (120, 90)),
    ((100, 0), (100, 5)),
    ((100, 5), (100, 0)),
    ((50, 50), (60, 30)),
    ((2000, 20), (500, 9)),
    ((9000, 4500), (1000, 520)),
    ((10**6, 30011), (10**6, 30500)),
    ((10**9, 10**8), (10**9, 10**8 + 20000)),
    ((10**12, 10**11), (10**12, 10**11 + 500000)),
    ((10**12, 10), (10**12, 17)),
]

# Counts and percentages.
SPLITS = [
    ([1000, 1000], [50, 50]),
    ([44700, 45489], [50, 50]),
    ([44000, 45000], [50, 50]),
    ([10, 30], [50, 50]),
    ([142, 187], [50, 50]),
    ([95, 1080], [10, 90]),
    ([20, 17, 9], [40, 40, 20]),
    ([3331, 3290, 3379], [34, 33, 33]),
    ([120, 80, 95, 105, 100], [20, 20, 20, 20, 20]),
    ([10**6, 10**6 + 4000, 10**6 - 1000, 2 * 10**6], [20, 20, 20, 40]),
    ([10**9, 10**9 + 90000], [50, 50]),
    ([101 + i % 7 for i in range(100)], [1] * 100),
]
CONCENTRATIONS = [1.0, 100.0, 10000.0]
# The concentrations whose Bayes factors are averaged.
AVERAGED = [10, 100, 1000, 10_000, 100_000]

# Control and treatment, each exposed and converted, and their percentages.
MIXTURES = [
    ((1000, 142), (1000, 187), (50, 50)),
    ((10_000, 1420), (10_000, 1870), (50, 50)),
    ((44700, 8502), (45489, 8279), (50, 50)),
    ((12_366, 28), (134, 0), (99, 1)),
    ((9000, 90), (1000, 30), (90, 10)),
    ((1000, 970), (9000, 8800), (10, 90)),
    ((100, 0), (100, 0), (50, 50)),
    ((100, 100), (100, 100), (50, 50)),
    ((1, 0), (1, 1), (50, 50)),
    ((1000, 100), (1, 0), (50, 50)),
    ((10**6, 30011), (10**6, 30500), (50, 50)),
    ((10**8, 10**7), (10**8, 10**7 + 20000), (50, 50)),
    ((51_000, 5100), (49_000, 4900), (50, 50)),
    ((91_000, 910), (1000, 20), (91, 1)),
]

# Of two variants: counts, and the first one's percentage.
BINOMIALS = [
    (142, 187, 50), (1, 0, 50), (0, 5, 50), (5, 0, 1), (3, 3, 50), (0, 0, 50), (10, 30, 50), (7, 80, 10), (80, 7, 90),
    (500, 520, 50), (1, 1000, 1), (990, 10, 99), (8502, 8279, 50), (60011, 540000, 10), (10**5, 10**5 - 700, 50),
    (10**6, 10**6 + 4000, 50), (10**6, 9 * 10**6 - 9000, 10), (10**8, 10**8 + 9000, 50), (10**4, 10**6 - 2000, 1),
]

HOLM = [[0.01, 0.04, 0.03], [0.5], [0.2, 0.001, 0.04, 0.04, 0.9], [0.0, 1.0], [0.02, 0.02, 0.02]]

# Base rate, effect, power and level of confidence.
PLANS = [
    (0.1, 0.02, 0.8, 0.95), (0.1, -0.02, 0.8, 0.95), (0.5, 0.001, 0.9, 0.99), (0.02, 0.002, 0.95, 0.95),
    (0.97, 0.01, 0.8, 0.9), (0.0001, 0.00001, 0.8, 0.95), (0.3, 0.3, 0.5, 0.8),
]


def wilson(exposed, converted, level):
    low, high = sm.proportion_confint(converted, exposed, alpha=1 - level, method="wilson")
    # statsmodels leaves rounding at the ends.
    return [0.0 if converted == 0 else low, 1.0 if converted == exposed else high]


def beta_log_odds(converted, exposed):
    """The logarithm of the density of the log-odds of a share with a Beta(1, 1) prior; its mode and its deviation."""
    a, b = mpmath.mpf(converted + 1), mpmath.mpf(exposed - converted + 1)
    norm = mpmath.loggamma(a + b) - mpmath.loggamma(a) - mpmath.loggamma(b)

    def log_density(y):
        return norm - a * mpmath.log1p(mpmath.exp(-y)) - b * mpmath.log1p(mpmath.exp(y))

    return log_density, mpmath.log(a / b), mpmath.sqrt(1 / a + 1 / b)


def chance_to_beat(control, treatment):
    """By integrating the density of one log-odds against the distribution of the other, both to 1e-15."""
    theirs, their_mode, their_deviation = beta_log_odds(control[1], control[0])
    ours, our_mode, our_deviation = beta_log_odds(treatment[1], treatment[0])

    def reach(deviation, smallest):
        return 11 * deviation + mpmath.mpf(60) / smallest

    smallest = 1 + min(control[1], control[0] - control[1], treatment[1], treatment[0] - treatment[1])
    low = min(their_mode, our_mode) - reach(max(their_deviation, our_deviation), smallest)
    high = max(their_mode, our_mode) + reach(max(their_deviation, our_deviation), smallest)
    panels = int(math.ceil(4 * (high - low) / min(their_deviation, our_deviation)))
    nodes, weights = np.polynomial.legendre.leggauss(12)
    fine, fine_weights = np.polynomial.legendre.leggauss(12)
    width = (high - low) / panels
    below, before, total = mpmath.mpf(0), low, mpmath.mpf(0)
    for panel in range(panels):
        centre = low + width * (panel + mpmath.mpf(1) / 2)
        for node, weight in zip(nodes, weights):
            at = centre + width / 2 * mpmath.mpf(float(node))
            half = (at - before) / 2
            below += half * sum(
                mpmath.mpf(float(w)) * mpmath.exp(theirs(before + half * (1 + mpmath.mpf(float(n)))))
                for n, w in zip(fine, fine_weights)
            )
            before = at
            total += width / 2 * mpmath.mpf(float(weight)) * mpmath.exp(ours(at)) * below
    return float(total)


def exact_chance_to_beat(control, treatment):
    """The closed form as a sum over the treatment's conversions: the judge of the integral."""
    a, b = control[1] + 1, control[0] - control[1] + 1
    c, d = treatment[1] + 1, treatment[0] - treatment[1] + 1

    def log_beta(x, y):
        return mpmath.loggamma(x) + mpmath.loggamma(y) - mpmath.loggamma(x + y)

    terms = (
        mpmath.exp(log_beta(a + i, b + d) - mpmath.log(d + i) - log_beta(1 + i, d) - log_beta(a, b)) for i in range(c)
    )
    return float(mpmath.fsum(terms))


def pair(control, treatment, level, tuning):
    (n_a, x_a), (n_b, x_b) = control, treatment
    low, high = sm.confint_proportions_2indep(x_b, n_b, x_a, n_a, method="newcomb", compare="diff", alpha=1 - level)
    z, p_value = sm.proportions_ztest([x_b, x_a], [n_b, n_a])
    p_a, p_b = x_a / n_a, x_b / n_b
    out = {
        "control": list(control),
        "treatment": list(treatment),
        "confidence": level,
        "tuning": tuning,
        "newcombe": [low, high],
        "z": z,
        "p_value": p_value,
        "lift": None,
        "lift_interval": None,
    }
    if x_a > 0:
        out["lift"] = p_b / p_a - 1
        # gbstats' variance of the lift, with the normal quantile; it takes Student's t itself.
        variance = frequentist_variance(p_a * (1 - p_a), p_a, n_a, p_b * (1 - p_b), p_b, n_b, True)
        if variance > 0:
            half = scipy.stats.norm.isf((1 - level) / 2) * math.sqrt(variance)
            out["lift_interval"] = [out["lift"] - half, out["lift"] + half]
    config = SequentialConfig(alpha=1 - level, sequential_tuning_parameter=tuning, difference_type="absolute")
    test = SequentialTwoSidedTTest(ProportionStatistic(n=n_a, sum=x_a), ProportionStatistic(n=n_b, sum=x_b), config)
    out["sequence"] = [max(-1.0, test.confidence_interval[0]), min(1.0, test.confidence_interval[1])]
    with np.errstate(over="ignore"):
        out["sequential_p_value"] = float(test.p_value)
    return out


def split(counts, percentages):
    expected = [sum(counts) * percentage / 100 for percentage in percentages]
    chi = scipy.stats.chisquare(counts, expected)
    assert math.isclose(chi.pvalue, check_srm(counts, percentages), rel_tol=1e-6, abs_tol=1e-12)
    shares = np.array(percentages) / 100
    sequential = [
        {"concentration": c, "p_value": float(sequential_p_values([counts], shares, dirichlet_concentration=c)[-1])}
        for c in CONCENTRATIONS
    ]
    return {
        "counts": counts,
        "percentages": percentages,
        "statistic": chi.statistic if min(expected) >= 5 else None,
        "p_value": chi.pvalue if min(expected) >= 5 else None,
        "sequential": sequential,
        "sequential_mean": mean_of_bayes_factors(counts, percentages),
    }


def mean_of_bayes_factors(counts, percentages):
    """1 by the mean over the concentrations, at most 1; with 40 digits, and so at any count."""
    total = sum(counts)
    factors = []
    for concentration in AVERAGED:
        log = mpmath.loggamma(concentration) - mpmath.loggamma(concentration + total)
        for count, percentage in zip(counts, percentages):
            share = mpmath.mpf(percentage) / 100
            prior = concentration * share
            log += mpmath.loggamma(prior + count) - mpmath.loggamma(prior) - count * mpmath.log(share)
        factors.append(mpmath.exp(log))
    return float(min(1, len(factors) / mpmath.fsum(factors)))


def mixture(control, treatment, percentages):
    """The exact p-value at every look, term by term with 40 digits, as its definition has it."""
    w = mpmath.mpf(percentages[1]) / sum(percentages)
    (n_0, x_0), (n_1, x_1) = control, treatment

    def expit(x):
        return 1 / (1 + mpmath.exp(-x))

    steps = [mpmath.mpf(at - 40) / 8 for at in range(81)]
    odds_ratios = [2 * mpmath.sinh(at) / mpmath.sinh(5) for at in steps]
    weights = [mpmath.exp(-((d / mpmath.mpf("0.2")) ** 2) / 2) * mpmath.cosh(at) for d, at in zip(odds_ratios, steps)]
    bases = [mpmath.mpf(at - 32) / 4 for at in range(65)]
    terms = []
    for d, weight in zip(odds_ratios, weights):
        for base in bases:
            p_1, p_0 = expit(base + (1 - w) * d), expit(base - w * d)
            mean = w * p_1 + (1 - w) * p_0
            terms.append(
                weight * (p_1 / mean) ** x_1 * ((1 - p_1) / (1 - mean)) ** (n_1 - x_1)
                * (p_0 / mean) ** x_0 * ((1 - p_0) / (1 - mean)) ** (n_0 - x_0)
            )
    evidence = mpmath.fsum(terms) / (mpmath.fsum(weights) * len(bases))
    return float(min(1, 1 / evidence))


def main():
    chances = []
    for control, treatment in PAIRS:
        chance = chance_to_beat(control, treatment)
        if treatment[1] <= 10**4:
            assert abs(chance - exact_chance_to_beat(control, treatment)) < 1e-13, (control, treatment)
        chances.append({"control": list(control), "treatment": list(treatment), "chance": chance})
    made_with = {name: importlib.metadata.version(name) for name in PACKAGES}
    out = {
        "made_with": {"python": platform.python_version(), **made_with},
        "wilson": [
            {"exposed": n, "converted": x, "confidence": level, "interval": wilson(n, x, level)}
            for n, x in PROPORTIONS
            for level in LEVELS
        ],
        "pairs": [pair(a, b, level, tuning) for a, b in PAIRS for level, tuning in [(0.95, 5000), (0.99, 100000)]],
        "chances": chances,
        "splits": [split(*case) for case in SPLITS],
        "binomials": [
            {"counts": [k, rest], "percentage": percent, "p_value": scipy.stats.binomtest(k, k + rest, percent / 100).pvalue}
            for k, rest, percent in BINOMIALS
            if k + rest > 0
        ],
        "mixtures": [
            {
                "control": list(control),
                "treatment": list(treatment),
                "percentages": list(percentages),
                "p_value": mixture(control, treatment, percentages),
            }
            for control, treatment, percentages in MIXTURES
        ],
        "holm": [
            {"p_values": p_values, "adjusted": list(multipletests(p_values, method="holm")[1])} for p_values in HOLM
        ],
        "plans": [
            {
                "base": base,
                "effect": effect,
                "power": power,
                "confidence": level,
                "per_variant": float(
                    sm.samplesize_proportions_2indep_onetail(effect, base, power, alpha=1 - level, alternative="two-sided")
                ),
            }
            for base, effect, power, level in PLANS
        ],
        "special": {
            "normal_tail": [[z, erfc(z / math.sqrt(2)) / 2] for z in [-5, -1, 0, 0.3, 1, 1.96, 5, 12, 30, 37]],
            "normal_quantile": [
                [tail, float(scipy.stats.norm.isf(tail))]
                for tail in [0.5, 0.4999, 0.3, 0.1, 0.025, 1e-3, 1e-6, 1e-9, 1e-12, 5e-17, 1e-100, 1e-300]
            ],
            "chi_square_tail": [
                [x, df, chdtrc(df, x)]
                for df in [1, 2, 3, 4, 9, 50, 98, 99]
                for x in [0.0, 1e-9, 0.1, 1.0, 5.0, 20.0, 99.0, 150.0, 400.0, 1200.0]
            ],
            "stirling_rest": [
                [z, float(mpmath.loggamma(z) - ((z - mpmath.mpf(1) / 2) * mpmath.log(z) - z + mpmath.log(2 * mpmath.pi) / 2))]
                for z in [mpmath.mpf(z) for z in [0.01, 0.5, 1, 2.5, 9.99, 10, 33, 1e4, 1e9]]
            ],
            "log_gamma_along": [
                [a, t, float((mpmath.loggamma(mpmath.mpc(a, t)) - mpmath.loggamma(a)).real),
                 float(mpmath.loggamma(mpmath.mpc(a, t)).imag - t * mpmath.log(a))]
                for a in [10, 25.0, 1000, 1e8]
                for t in [0.0, 0.01, 1.0, 7.0, 40.0]
            ],
        },
    }
    for row in out["special"]["stirling_rest"]:
        row[0] = float(row[0])
    assert math.isclose(float(gammaln(33)), float(mpmath.loggamma(33)))
    print(json.dumps(out, indent=1))


main()
