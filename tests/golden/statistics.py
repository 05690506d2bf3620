"""Makes tests/golden/statistics.json: values that chiplog's statistics are checked against.

Made with Python 3.11, SciPy, lifelines and apache-otava; the versions stand in the file itself.
    pip install scipy lifelines apache-otava && python tests/golden/statistics.py
"""

import importlib.metadata
import json
import pathlib
import random

import numpy
from lifelines import KaplanMeierFitter
from lifelines.statistics import logrank_test
from otava.analysis import compute_change_points_orig
from scipy import stats

random.seed(7)
numpy.random.seed(7)
golden = {"versions": {name: importlib.metadata.version(name) for name in ["scipy", "lifelines", "apache-otava"]}}

tables = [((7, 12), (1, 17)), ((3, 20), (10, 60)), ((12, 40), (9, 90)), ((5, 30), (20, 140)), ((9, 31), (30, 100))]
golden["proportions"] = [
    {
        "first": first,
        "second": second,
        "mid_p": float(
            stats.hypergeom(first[1] + second[1], first[0] + second[0], first[1]).sf(first[0])
            + 0.5 * stats.hypergeom(first[1] + second[1], first[0] + second[0], first[1]).pmf(first[0])
        ),
        "barnard": float(
            stats.barnard_exact(
                [[first[0], second[0]], [first[1] - first[0], second[1] - second[0]]], alternative="greater", n=256
            ).pvalue
        ),
    }
    for first, second in tables
]

p_values = [0.0004, 0.02, 0.3, 0.011, 0.9, 0.04, 0.0009, 0.5]
golden["benjamini_hochberg"] = {"p": p_values, "q": stats.false_discovery_control(p_values).tolist()}

shifts = []
for size, other in [(8, 26), (6, 20), (12, 12)]:
    first = numpy.random.normal(1.0, 1.0, size)
    second = numpy.random.normal(0.0, 1.0, other)
    differences = numpy.subtract.outer(first, second).ravel()
    shifts.append({"first": first.tolist(), "second": second.tolist(), "estimate": float(numpy.median(differences))})
golden["hodges_lehmann"] = shifts

survival = []
for size in [20, 60]:
    durations = numpy.round(numpy.random.exponential(10, size), 1) + 0.1
    ended = numpy.random.random(size) < 0.7
    group = numpy.arange(size) < size // 3
    median = KaplanMeierFitter().fit(durations, ended).median_survival_time_
    # The sum of log-rank scores of a group is its expected less its observed ends.
    observed = int(ended[group].sum())
    expected = 0.0
    for time in sorted(set(durations[ended])):
        at_risk = durations >= time
        ends = ((durations == time) & ended).sum()
        expected += ends * (at_risk & group).sum() / at_risk.sum()
    survival.append(
        {
            "durations": durations.tolist(),
            "ended": ended.tolist(),
            "group": group.tolist(),
            "median": None if numpy.isinf(median) else float(median),
            "expected_less_observed": float(expected - observed),
            "p_of_lifelines": float(
                logrank_test(durations[group], durations[~group], ended[group], ended[~group]).p_value
            ),
        }
    )
golden["survival"] = survival

changes = []
for at, shift in [(20, 1.5), (30, 1.0), (12, 2.0)]:
    values = numpy.random.normal(0.0, 0.5, 44)
    values[at:] += shift
    points, _ = compute_change_points_orig(values.tolist(), max_pvalue=0.05, seed=1)
    changes.append({"values": values.tolist(), "otava": [int(point.index) for point in points]})
golden["change_points"] = changes

path = pathlib.Path(__file__).with_name("statistics.json")
path.write_text(json.dumps(golden, indent=1) + "\n")
