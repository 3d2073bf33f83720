"""Every fairness number against an independent implementation, and the edges that audits meet."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from fairlearn.metrics import (
    MetricFrame,
    demographic_parity_difference,
    demographic_parity_ratio,
    equal_opportunity_difference,
    equalized_odds_difference,
    false_positive_rate,
    selection_rate,
    true_positive_rate,
)
from scipy.stats import chi2_contingency, fisher_exact
from sklearn.metrics import accuracy_score, precision_score
from statsmodels.stats.proportion import proportion_confint, proportions_ztest

from mlops_lit.errors import InputError
from mlops_lit.govern.fairness import (
    audit,
    base_rates_differ,
    compare_selection,
    group_rates,
    selection_test,
)
from mlops_lit.govern.groups import count_groups, group_names


@pytest.fixture
def people() -> pd.DataFrame:
    "2,000 made-up decisions in three groups and two sexes."
    rng = np.random.default_rng(11)
    frame = pd.DataFrame(
        {
            "group": rng.choice(["a", "b", "c"], 2000, p=[0.6, 0.3, 0.1]),
            "sex": rng.choice(["f", "m"], 2000),
            "y_true": rng.integers(0, 2, 2000),
        }
    )
    chance = 0.3 + 0.3 * frame["y_true"] + 0.1 * (frame["group"] == "a")
    frame["y_pred"] = (rng.random(2000) < chance).astype(int)
    return frame


def by_fairlearn(people: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    "fairlearn's rates per group."
    metrics = {
        "selection_rate": selection_rate,
        "true_positive_rate": true_positive_rate,
        "false_positive_rate": false_positive_rate,
        "precision": precision_score,
        "accuracy": accuracy_score,
    }
    sensitive = group_names(people, columns)
    return MetricFrame(
        metrics=metrics,
        y_true=people["y_true"],
        y_pred=people["y_pred"],
        sensitive_features=sensitive,
    ).by_group


@pytest.mark.parametrize("columns", [["group"], ["sex"], ["group", "sex"]])
def test_rates_agree_with_fairlearn(people: pd.DataFrame, columns: list[str]):
    ours = audit(people, columns, people["y_pred"], people["y_true"]).frame()
    theirs = by_fairlearn(people, columns)
    for metric in theirs:
        np.testing.assert_allclose(
            ours[metric].loc[theirs.index], theirs[metric].astype(float), atol=1e-12
        )


def test_summaries_agree_with_fairlearn(people: pd.DataFrame):
    result = audit(people, ["group"], people["y_pred"], people["y_true"])
    given = {
        "y_true": people["y_true"],
        "y_pred": people["y_pred"],
        "sensitive_features": people["group"],
    }
    assert result.equalized_odds.estimate.value == pytest.approx(
        equalized_odds_difference(**given), abs=1e-12
    )
    opportunity = equal_opportunity_difference(**given)
    assert result.equal_opportunity.estimate.value == pytest.approx(opportunity, abs=1e-12)
    parity = demographic_parity_difference(**given)
    assert result.demographic_parity.estimate.value == pytest.approx(parity, abs=1e-12)
    smallest = min(comparison.ratio.value for comparison in result.comparisons)
    assert smallest == pytest.approx(demographic_parity_ratio(**given), abs=1e-12)


def test_intervals_agree_with_statsmodels(people: pd.DataFrame):
    rates = group_rates(count_groups(people["group"], people["y_pred"], people["y_true"]), 0.9)
    for row in rates.itertuples():
        lower, upper = proportion_confint(row.count, row.of, alpha=0.1, method="wilson")
        assert (row.lower, row.upper) == pytest.approx((lower, upper), abs=1e-9)


def test_p_values_agree_with_statsmodels_and_scipy():
    assert selection_test(12, 40, 48, 80)[0] == pytest.approx(
        proportions_ztest([12, 48], [40, 80])[1], abs=1e-12
    )
    assert selection_test(1, 6, 5, 9)[0] == pytest.approx(
        fisher_exact([[1, 5], [5, 4]]).pvalue, abs=1e-12
    )
    assert selection_test(1, 6, 5, 9)[1] == "Fisher's exact test"


def test_base_rates_agree_with_scipy(people: pd.DataFrame):
    counts = count_groups(people["group"], people["y_pred"], people["y_true"])
    table = pd.crosstab(people["group"], people["y_true"])
    expected = chi2_contingency(table, correction=False).pvalue
    assert base_rates_differ(counts, ["a", "b", "c"]) == pytest.approx(expected, abs=1e-12)


def test_the_example_of_the_uniform_guidelines():
    # Questions and Answers no. 12: 48 of 80 and 12 of 40 hired, ratio 50 %.
    frame = pd.DataFrame({"race": ["White"] * 80 + ["Black"] * 40})
    hired = [1] * 48 + [0] * 32 + [1] * 12 + [0] * 28
    result = audit(frame, ["race"], hired)
    assert result.reference == "White"
    assert result.comparisons[0].ratio.value == 0.5
    assert [check.verdict for check in result.checks()] == ["failed"]


def test_equalized_odds_interval_is_reproducible_and_holds_the_value(people: pd.DataFrame):
    first, second = (
        audit(people, ["group"], people["y_pred"], people["y_true"]).equalized_odds.estimate
        for _ in range(2)
    )
    assert first == second
    assert first.lower <= first.value <= first.upper


def test_a_group_with_one_class_has_absent_rates_not_zero():
    frame = pd.DataFrame({"g": ["a"] * 40 + ["b"] * 40})
    result = audit(frame, ["g"], [1] * 60 + [0] * 20, [1] * 40 + [0, 1] * 20)
    assert math.isnan(result.frame().loc["a", "false_positive_rate"])
    assert math.isnan(result.equalized_odds.estimate.value)
    assert result.checks()[-1].verdict == "not judged"


def test_missing_groups_are_counted_and_not_judged(people: pd.DataFrame):
    people.loc[:99, "group"] = None
    result = audit(people, ["group"], people["y_pred"], people["y_true"])
    assert result.n_missing == 100
    assert result.reference != "(missing)"
    verdicts = {check.name: check.verdict for check in result.checks()}
    assert (
        verdicts[f"group: selection rate of (missing) against {result.reference}"] == "not judged"
    )


def test_a_chosen_reference_that_is_too_small_is_not_judged():
    frame = pd.DataFrame({"g": ["a"] * 100 + ["b"] * 5})
    counts = count_groups(frame["g"], [1, 0] * 52 + [1])
    assert [c.judged for c in compare_selection(counts, "b")] == [False]


def test_a_million_groups_do_not_hang():
    n = 200_000
    counts = count_groups(pd.Series(np.arange(n)).astype(str), np.ones(n, int))
    assert len(counts) == n


def test_values_other_than_zero_and_one_are_refused(people: pd.DataFrame):
    with pytest.raises(InputError, match="other than 0 and 1"):
        audit(people, ["group"], people["y_pred"] + 1)


def test_a_group_with_few_negatives_is_named_where_the_gap_is_judged():
    frame = pd.DataFrame({"g": ["a"] * 200 + ["b"] * 200 + ["c"] * 100})
    y_true = [1, 0] * 200 + [1] * 95 + [0] * 5
    result = audit(frame, ["g"], [1, 0, 1, 1] * 125, y_true)
    assert result.equalized_odds.left_out == ["c"]
    assert "Left out, below 30 rows in a denominator: c" in result.checks()[-1].detail
    assert result.equal_opportunity.left_out == []
