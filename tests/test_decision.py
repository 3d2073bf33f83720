"""Decisions against brute force, published rules and independent implementations, and the report on real tables."""

from __future__ import annotations

import itertools
import json
import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mlops_lit.evaluate.actions import (
    band_worth,
    best_band,
    choose_actions,
    expected_utilities,
    review_band,
    review_utilities,
    review_values,
    risk_coverage,
)
from mlops_lit.evaluate.affected import group_effects
from mlops_lit.evaluate.assumptions import (
    cases_under,
    estimated_base_rate,
    one_way,
    profit_terms,
    shifted_probabilities,
    simulate,
)
from mlops_lit.evaluate.confusion import confusion, decisions
from mlops_lit.evaluate.decision import decide, decide_cases
from mlops_lit.evaluate.expected_value import row_thresholds, theoretical_threshold
from mlops_lit.evaluate.intervals import mean
from mlops_lit.evaluate.net_benefit import net_benefit
from mlops_lit.evaluate.payoffs import Payoffs, amount_text, cases, read_cases
from mlops_lit.evaluate.policy import Policy, load_policy, parsed_policy, policy_json, save_policy
from mlops_lit.evaluate.policy_comparison import compare_policies, paired_gain, simple_policies
from mlops_lit.evaluate.profit import profit_curve
from mlops_lit.evaluate.threshold import Limits, best_threshold, crossfit_decisions, top_k

EXACT = {"rel": 1e-9, "abs": 1e-12}
REPORT = Path(__file__).resolve().parent.parent / "nbs" / "reports" / "decision.ipynb"


def sample(seed: int, n: int = 300, ties: bool = False) -> tuple[np.ndarray, np.ndarray]:
    "Outcomes and calibrated scores."
    rng = np.random.default_rng(seed)
    score = rng.beta(2, 3, n)
    y = (rng.random(n) < score).astype(int)
    return y, np.round(score, 1) if ties else score


def payoffs_of(kind: str, n: int, seed: int) -> Payoffs:
    "Constant or individual payoffs."
    rng = np.random.default_rng(seed)
    if kind == "constant":
        return Payoffs(5, -4, 0.5, -1, action_cost=0.3)
    return Payoffs(rng.lognormal(size=n), -rng.lognormal(size=n), 0.1, -rng.random(n), rng.random(n) / 5)  # fmt: skip


GRID = list(itertools.product(range(3), (False, True), ("constant", "rows"), (False, True)))


@pytest.mark.parametrize(("seed", "ties", "kind", "weighted"), GRID)
def test_the_profit_curve_is_that_of_every_threshold(seed, ties, kind, weighted) -> None:
    y, score = sample(seed, ties=ties)
    weight = np.random.default_rng(9).integers(1, 5, len(y)) if weighted else None
    rows = cases(y, score, payoffs_of(kind, len(y), seed), weight)
    curve = profit_curve(rows)
    assert len(curve.threshold) == len(np.unique(score)) + 1
    for t in [np.inf, *np.unique(score), -np.inf, 0.123, 2.0]:
        by_hand = mean(np.where(score >= t, rows.selected, rows.passed), weight)
        ours = curve.estimate(t)
        assert (ours.value, ours.lower, ours.upper) == pytest.approx((by_hand.value, by_hand.lower, by_hand.upper), **EXACT)  # fmt: skip
    best = best_threshold(rows, n_resamples=50)
    brute = max(np.average(np.where(score >= t, rows.selected, rows.passed), weights=weight) for t in [np.inf, *score])  # fmt: skip
    assert best.profit.value == pytest.approx(brute, **EXACT)
    assert best.lower <= best.threshold <= best.upper


@pytest.mark.parametrize("seed", range(3))
def test_constant_payoffs_agree_with_the_confusion_matrix_and_scikit_learn(seed) -> None:
    from sklearn.metrics import confusion_matrix

    y, score = sample(seed)
    curve = profit_curve(cases(y, score, Payoffs(5, -4, 0.5, -1, action_cost=0.3)))
    for t in (0.2, 0.5, 0.8):
        tn, fp, fn, tp = confusion_matrix(y, score >= t, labels=[0, 1]).ravel()
        assert curve.estimate(t).value == pytest.approx((4.7 * tp - 4.3 * fp + 0.5 * tn - fn) / len(y), **EXACT)  # fmt: skip
    frame = curve.frame().iloc[1:]
    rate = confusion(y, decisions(score, frame["threshold"].iloc[40])).rate("precision").value
    assert frame["precision"].iloc[40] == pytest.approx(rate, **EXACT)


def test_the_best_threshold_of_constant_payoffs_is_where_isotonic_calibration_crosses_elkans() -> (
    None
):
    from sklearn.isotonic import IsotonicRegression

    y, score = sample(4, 3_000)
    payoffs = Payoffs(5, -4, 0, -1)
    fitted = IsotonicRegression(out_of_bounds="clip").fit_transform(score, y)
    crossing = score[fitted >= theoretical_threshold(payoffs)].min()
    assert best_threshold(cases(y, score, payoffs), n_resamples=0).threshold == crossing


@pytest.mark.parametrize(
    "limits",
    [
        Limits(max_share=0.2), Limits(max_selected=37), Limits(max_spent=5.0), Limits(min_precision=0.7),
        Limits(min_recall=0.9), Limits(max_share=0.5, min_precision=0.6),
    ],
)  # fmt: skip
@pytest.mark.parametrize("ties", [False, True])
def test_limits_agree_with_brute_force(limits, ties) -> None:
    y, score = sample(2, ties=ties)
    rows = cases(y, score, Payoffs(2, -2, action_cost=0.1))
    found = []
    for t in [np.inf, *np.unique(score)]:
        s = score >= t
        measured = {"max_share": s.mean(), "max_selected": s.sum(), "max_spent": 0.1 * s.sum(), "min_precision": y[s].mean() if s.any() else math.nan, "min_recall": y[s].sum() / y.sum()}  # fmt: skip
        fits = all(measured[k] <= v + 1e-9 if k.startswith("max") else measured[k] >= v - 1e-9 for k, v in limits.given().items())  # fmt: skip
        if fits:
            found.append(np.where(s, rows.selected, rows.passed).mean())
    assert best_threshold(rows, limits, n_resamples=20).profit.value == pytest.approx(max(found), **EXACT)  # fmt: skip


def test_elkans_example_of_refusing_a_card_transaction() -> None:
    "Elkan 2001, section 1: refusing fraud +20, a legitimate one -20; approving fraud -x, a legitimate one 0.02 x."
    x = np.array([5.0, 50.0, 500.0, 5_000.0])
    refuse = Payoffs(20, -20, "0.02 * x", "-x", unit="USD")
    cut = row_thresholds(cases(np.zeros(4, int), np.zeros(4), refuse, frame=pd.DataFrame({"x": x})))
    for amount, p in zip(x, cut, strict=True):
        worth_refusing, worth_approving = 20 * p - 20 * (1 - p), -amount * p + 0.02 * amount * (1 - p)  # fmt: skip
        assert worth_refusing == pytest.approx(worth_approving, **EXACT)
    assert (np.diff(cut) < 0).all()


def test_net_benefit_is_the_formula_of_vickers_and_elkin() -> None:
    y, p = sample(1, 500, ties=True)
    curve = net_benefit(y, p).frame()
    for row in curve.itertuples():
        t = row.threshold
        tp, fp = ((p >= t) & (y == 1)).sum(), ((p >= t) & (y == 0)).sum()
        assert row.model == pytest.approx(tp / 500 - fp / 500 * t / (1 - t), **EXACT)
        assert row.all == pytest.approx(y.mean() - (1 - y.mean()) * t / (1 - t), **EXACT)
        worth = np.where(p >= t, np.where(y == 1, 1, -t / (1 - t)), 0)
        rival = np.where(y == 1, 1, -t / (1 - t)) if row.all > 0 else np.zeros(500)
        by_hand, gain = mean(worth), mean(worth - rival)
        assert (row.lower, row.upper) == pytest.approx((by_hand.lower, by_hand.upper), **EXACT)
        assert (row.gain_lower, row.gain_upper) == pytest.approx((gain.lower, gain.upper), **EXACT)
    prevalence = net_benefit(y, p, [y.mean()]).frame()["all"].iloc[0]
    assert prevalence == pytest.approx(
        0, abs=1e-12
    )  # Treating all is worth nothing at the prevalence


def test_knowledge_is_worth_more_than_any_threshold_and_the_best_more_than_all_or_nobody() -> None:
    y, score = sample(3)
    rows = cases(y, score, payoffs_of("rows", len(y), 3))
    best = best_threshold(rows, n_resamples=0).threshold
    table = compare_policies(rows, {**simple_policies(rows, 0.5), "best": best}).frame()
    profit = table.set_index("policy")["profit"]
    assert profit["perfect knowledge"] >= profit.max()
    assert profit["best"] >= profit[["everybody", "nobody", "today"]].max()
    gain = mean(np.where(score >= best, rows.selected, rows.passed) - np.where(score >= 0.5, rows.selected, rows.passed))  # fmt: skip
    row = table.set_index("policy").loc["best"]
    assert (row["gain"], row["gain_lower"], row["gain_upper"]) == pytest.approx((gain.value, gain.lower, gain.upper), **EXACT)  # fmt: skip


def test_cross_fitted_decisions_do_not_see_their_own_fold_or_the_order_of_the_file() -> None:
    y, score = sample(5, 400)
    rows = cases(y, score, Payoffs(5, -4, 0, -1))
    decided = crossfit_decisions(rows)
    order = np.random.default_rng(0).permutation(400)
    again = crossfit_decisions(cases(y[order], score[order], Payoffs(5, -4, 0, -1)))
    assert (again == decided[order]).all()
    result = decide_cases(rows)
    assert result.compared.frame()["profit"].iloc[0] == pytest.approx(result.chosen.crossfit.value, **EXACT)  # fmt: skip


@pytest.mark.parametrize(("seed", "ties", "kind", "weighted"), GRID)
@pytest.mark.parametrize("limits", [Limits(), Limits(max_share=0.4), Limits(max_selected=90)])
def test_each_fold_is_decided_by_the_threshold_that_the_other_rows_choose(seed, ties, kind, weighted, limits) -> None:  # fmt: skip
    y, score = sample(seed, ties=ties)
    order = np.argsort(-score, kind="stable")
    y, score = y[order], score[order]
    weight = np.random.default_rng(9).integers(0, 5, len(y)) if weighted else None
    rows = cases(y, score, payoffs_of(kind, len(y), seed), weight)
    fold = (np.arange(len(y)) % 5).astype(np.int8)
    np.random.default_rng(0).shuffle(fold)
    by_hand = np.zeros(len(y), bool)
    for part in range(5):
        others = rows.take(fold != part)
        counts = replace(limits, max_selected=72) if limits.max_selected else limits
        cut = best_threshold(others, counts, n_resamples=0, n_folds=0).threshold
        by_hand |= (fold == part) & (score >= cut)
    assert (crossfit_decisions(rows, limits) == by_hand).all()


def test_a_paired_gain_is_that_of_the_comparison() -> None:
    y, score = sample(11)
    rows = cases(y, score, payoffs_of("rows", len(y), 11), np.arange(len(y)) % 4)
    mask = score > np.median(score)
    gain = compare_policies(rows, {"new": mask, "old": 0.3}, "old").gain("new")
    ours = paired_gain(rows, mask, 0.3)
    assert (ours.value, ours.lower, ours.upper) == pytest.approx((gain.value, gain.lower, gain.upper), **EXACT)  # fmt: skip


@pytest.mark.parametrize("ties", [False, True])
def test_net_benefit_with_weights_is_a_weighted_mean_of_rows(ties) -> None:
    y, p = sample(12, 400, ties)
    weight = np.random.default_rng(2).integers(0, 4, 400)
    for row in net_benefit(y, p, sample_weight=weight).frame().itertuples():
        odds = row.threshold / (1 - row.threshold)
        by_hand = mean(np.where(p >= row.threshold, np.where(y == 1, 1, -odds), 0), weight)
        assert (row.model, row.lower, row.upper) == pytest.approx((by_hand.value, by_hand.lower, by_hand.upper), **EXACT)  # fmt: skip


def test_the_sentences_of_a_best_threshold_follow_its_numbers() -> None:
    y, score = sample(13, 500)
    rows = cases(y, score, Payoffs(5, -4, unit="USD"))
    found = best_threshold(rows, Limits(max_share=0.3))
    text = " ".join(found.findings())
    assert f"{found.threshold:.4g} on" in text
    assert f"{found.selected_share:.1%}" in text
    assert f"{amount_text(found.crossfit.value, found.crossfit)} USD per case" in text
    assert "within max\\_share = 0.3" in text
    alone = best_threshold(rows, n_resamples=0, n_folds=0).findings()
    assert len(alone) == 2
    assert "optimistic" in alone[1]


def test_the_set_of_thresholds_and_the_optimism_hold_in_repeated_samples() -> None:
    "A short version of the simulation on the page: 60 samples of 400 rows with tied scores, where the best threshold is 0.4."
    covered, luck, estimated = 0, 0.0, 0.0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        score = np.round(rng.beta(2, 3, 400), 1)
        y = (rng.random(400) < score).astype(int)
        best = best_threshold(cases(y, score, Payoffs(5, -4, 0, -1)), n_resamples=300, n_folds=0)
        covered += best.lower <= 0.4 <= best.upper
        p = np.where(score >= best.threshold, 9 * score - 4 + (1 - score) * 0, -score)
        truth = np.where(score >= best.threshold, 5 * score - 4 * (1 - score), -score).mean()
        luck += best.profit.value - truth
        estimated += best.optimism
        assert p.shape == score.shape
    assert covered >= 54
    assert 0 < estimated / 60 < 0.15
    assert luck / 60 < 0.2


def test_top_k_says_how_ties_at_the_cut_are_broken() -> None:
    score = np.array([3.0, 2, 2, 2, 1])
    for k, ties, n in [(2, "leave_out", 1), (2, "take", 4), (2, "draw", 2), (4, "leave_out", 4), (0, "take", 0), (7, "draw", 5)]:  # fmt: skip
        taken, told = top_k(score, k, ties)
        assert taken.sum() == n
        assert bool(told) == (k == 2)
    assert (top_k(score, 2, "draw", 1)[0] == top_k(score, 2, "draw", 1)[0]).all()
    with pytest.raises(ValueError, match="pass k of 0 or more"):
        top_k(score, -1)


def test_a_table_of_any_kind_gives_the_same_decision(tmp_path: Path) -> None:
    import polars as pl

    y, score = sample(6, 500)
    frame = pd.DataFrame({"y": np.where(y == 1, "repaid", "lost"), "p": score, "loan": np.random.default_rng(1).lognormal(3, 1, 500), "unused": "x"})  # fmt: skip
    frame.to_parquet(tmp_path / "loans.parquet")
    frame.to_csv(tmp_path / "loans.csv", index=False)
    payoffs = Payoffs("0.2 * loan", "-0.3 * loan", action_cost=0.1)
    found = [
        decide(data, "y", "p", payoffs, positive="repaid", current=0.5).frame()
        for data in (
            frame,
            pl.from_pandas(frame),
            tmp_path / "loans.parquet",
            tmp_path / "loans.csv",
        )
    ]
    for other in found[1:]:
        pd.testing.assert_frame_equal(found[0], other)
    by_function = Payoffs(lambda f: 0.2 * f["loan"], lambda f: -0.3 * f["loan"], action_cost=0.1)
    rows = read_cases(frame, "y", "p", by_function, "repaid")
    assert rows.selected == pytest.approx(read_cases(frame, "y", "p", payoffs, "repaid").selected, **EXACT)  # fmt: skip


@pytest.mark.parametrize("seed", range(8))
def test_actions_within_capacities_are_the_best_assignment(seed) -> None:
    from scipy.optimize import linear_sum_assignment

    rng = np.random.default_rng(seed)
    n, room = 24, {"b": 5, "c": int(rng.integers(0, 8))}
    utilities = {name: [rng.normal(size=n), rng.normal(size=n)] for name in "abc"}
    p = rng.random(n)
    choice = choose_actions(p, utilities, room)
    u = expected_utilities(p, utilities)
    slots = [0] * n + [1] * room["b"] + [2] * room["c"]
    rows, columns = linear_sum_assignment(-u[:, slots])
    best = u[rows, np.array(slots)[columns]].sum()
    assert (np.bincount(choice.chosen, minlength=3)[1:] <= [room["b"], room["c"]]).all()
    assert choice.expected.sum() <= best + 1e-9 <= choice.expected.sum() + choice.shortfall + 2e-9
    assert best - choice.expected.sum() <= 1e-9 or choice.shortfall > 0
    one = choose_actions(p, utilities, {"b": 5})
    rows, columns = linear_sum_assignment(-u[:, [0] * n + [2] * n + [1] * 5])
    total = u[rows, np.array([0] * n + [2] * n + [1] * 5)[columns]].sum()
    assert one.expected.sum() == pytest.approx(total, **EXACT)
    assert one.shortfall == 0


@pytest.mark.parametrize("cost", [0.05, 0.2, 0.45])
def test_the_band_of_perfect_people_is_chows_rule(cost) -> None:
    band = review_band(Payoffs(0, -1, 0, -1), cost)
    assert (band.lower, band.upper) == pytest.approx((cost, 1 - cost), **EXACT)
    assert band.break_even_cost == pytest.approx(0.5, **EXACT)


@pytest.mark.parametrize("seed", range(5))
def test_the_band_is_where_asking_has_the_highest_expected_worth(seed) -> None:
    rng = np.random.default_rng(seed)
    payoffs = Payoffs(rng.uniform(1, 5), -rng.uniform(1, 9), rng.uniform(0, 1), -rng.uniform(0, 2), 0.1)  # fmt: skip
    rates = (rng.uniform(0, 1), rng.uniform(0.7, 1), rng.uniform(0.7, 1))
    band = review_band(payoffs, *rates)
    p = np.linspace(0, 1, 10_001)
    chosen = choose_actions(p, review_utilities(payoffs, *rates)).names()
    asked = p[chosen == "review"]
    if band.empty:
        assert len(asked) == 0
    else:
        assert (asked.min(), asked.max()) == pytest.approx((band.lower, band.upper), abs=2e-4)


@pytest.mark.parametrize("ties", [False, True])
def test_the_best_band_agrees_with_all_pairs_of_cuts(ties) -> None:
    y, score = sample(7, 60, ties)
    rows = cases(y, score, Payoffs(2, -3, 0, -1))
    review = review_values(rows, 0.4, 0.9, 0.9)
    cuts = [np.inf, *np.unique(score)]
    every = {(a, b): band_worth(rows, review, a, b).mean() for a in cuts for b in cuts if a <= b}
    found = best_band(rows, review)
    assert found.profit.value == pytest.approx(max(every.values()), **EXACT)
    scarce = best_band(rows, review, max_share=0.15)
    fits = [v for (a, b), v in every.items() if ((score >= a) & (score < b)).mean() <= 0.15]
    assert scarce.share <= 0.15
    assert scarce.profit.value <= max(fits) + 1e-9


def test_risk_and_coverage_against_brute_force() -> None:
    y, p = sample(8, 200, ties=True)
    curve = risk_coverage(y, p)
    certainty, wrong = np.maximum(p, 1 - p), (p > 0.5) != y
    for row in curve.frame().itertuples():
        kept = certainty >= row.certainty
        assert (row.coverage, row.risk) == pytest.approx((kept.mean(), wrong[kept].mean()), **EXACT)
    assert curve.error == pytest.approx(wrong.mean(), **EXACT)


@pytest.mark.parametrize("kind", ["constant", "rows"])
def test_profit_under_other_assumptions_is_that_of_the_rows_recomputed(kind) -> None:
    y, score = sample(9, 400)
    rows = cases(y, score, payoffs_of(kind, 400, 9))
    choices = {"a": 0.3, "b": 0.6, "all": -np.inf, "some": score > np.median(score)}
    terms = profit_terms(rows, choices, n_resamples=10)
    for values in ({"true_positive": 1.7}, {"base_rate": 0.2, "false_negative": 0.5}, {"action_cost": 2.0, "false_positive": -0.3}):  # fmt: skip
        again = compare_policies(cases_under(rows, **values), choices).frame()["profit"]
        assert terms.profit(**values) == pytest.approx(again.to_numpy(), **EXACT)


def test_a_shifted_base_rate_is_the_profit_of_rows_with_that_share() -> None:
    y, score = sample(10, 1_000)
    rows = cases(y, score, Payoffs(5, -4, 0, -1))
    twice = np.r_[np.flatnonzero(y == 1), np.arange(1_000)]  # Every positive twice
    share = 2 * y.sum() / (1_000 + y.sum())
    direct = profit_curve(cases(y[twice], score[twice], Payoffs(5, -4, 0, -1)))
    shifted = profit_curve(cases_under(rows, base_rate=share))
    assert shifted.profit == pytest.approx(direct.profit, **EXACT)
    p, old, new = score, 0.3, share  # Elkan 2001, theorem 2
    assert shifted_probabilities(p, old, new) == pytest.approx(new * (p - p * old) / (old - p * old + new * p - old * new), **EXACT)  # fmt: skip


def test_the_base_rate_is_found_from_scores_alone() -> None:
    rng = np.random.default_rng(0)
    p = rng.beta(2, 3, 200_000)
    y = rng.random(200_000) < p
    kept = y | (rng.random(200_000) < 0.25)
    assert estimated_base_rate(p[kept], y.mean()) == pytest.approx(y[kept].mean(), abs=0.01)


def test_break_even_is_where_two_choices_earn_the_same() -> None:
    y, score = sample(11, 2_000)
    rows = cases(y, score, Payoffs(5, -4, 0, -1, action_cost=0.2))
    choices = {"recommended": 0.4, "today": 0.7, "all": -np.inf, "nobody": np.inf}
    terms = profit_terms(rows, choices)
    ranges = {"true_positive": (0.1, 20), "false_positive": (-20, -0.1), "base_rate": (0.05, 0.95)}
    table = one_way(terms, ranges, "recommended", "today").frame()
    for row in table.itertuples():
        for value, who, step in ((row.break_even_below, row.taken_over_below, -1), (row.break_even_above, row.taken_over_above, 1)):  # fmt: skip
            if math.isnan(value):
                continue
            for side, best in ((-step, "recommended"), (step, who)):
                near = value + side * 1e-6 * max(1, abs(value))
                at = terms.profit(**{row.assumption: near})
                assert terms.choices[int(at.argmax())] == best
        lows = terms.profit(**{row.assumption: row.low})
        assert row.gain_low == pytest.approx(lows[0] - lows[1], **EXACT)
    assert table["flips"].any()


def test_a_simulation_without_ranges_is_the_bootstrap_of_the_sample() -> None:
    y, score = sample(12, 5_000)
    rows = cases(y, score, Payoffs(5, -4, 0, -1))
    table = simulate(profit_terms(rows, {"a": 0.4, "b": 0.6}, 4_000), {}).frame()
    direct = compare_policies(rows, {"a": 0.4, "b": 0.6}).frame()
    assert table["profit"].to_numpy() == pytest.approx(direct["profit"].to_numpy(), abs=0.01)
    assert table["lower"].to_numpy() == pytest.approx(direct["lower"].to_numpy(), abs=0.02)
    assert table["upper"].to_numpy() == pytest.approx(direct["upper"].to_numpy(), abs=0.02)


def test_groups_before_and_after_are_those_of_their_rows() -> None:
    y, score = sample(13, 600)
    rows = cases(y, score, payoffs_of("rows", 600, 1))
    region = np.random.default_rng(0).choice(["n", "s", "w"], 600)
    table = group_effects(rows, region, 0.5, 0.4).frame().set_index(["measure", "group"])
    for name in "nsw":
        here = region == name
        alone = rows.take(here)
        old, new = confusion(alone.y_true, decisions(alone.y_score, 0.5)), confusion(alone.y_true, decisions(alone.y_score, 0.4))  # fmt: skip
        for measure in ("selection_rate", "true_positive_rate", "false_positive_rate"):
            row = table.loc[(measure, name)]
            before = old.rate(measure)
            assert (row["before"], row["before_lower"], row["n"]) == pytest.approx((before.value, before.lower, before.n), **EXACT)  # fmt: skip
            assert row["after"] == pytest.approx(new.rate(measure).value, **EXACT)
        gain = compare_policies(alone, {"old": 0.5, "new": 0.4}).gain("new")
        row = table.loc[("profit", name)]
        assert (row["change"], row["change_lower"], row["change_upper"]) == pytest.approx((gain.value, gain.lower, gain.upper), **EXACT)  # fmt: skip


def test_edge_cases_have_a_clear_result() -> None:
    none = decide_cases(cases([0] * 20, np.linspace(0, 1, 20), Payoffs()), current=0.5)
    assert none.chosen.threshold == math.inf
    assert "Select nobody" in none.findings()[0]
    assert none.verdict()
    one = decide_cases(cases([1], [0.5], Payoffs()), current=0.5)
    assert math.isnan(one.chosen.profit.lower)
    assert [check.verdict for check in one.checks()].count("not judged") >= 2
    equal = decide_cases(cases([1, 0] * 20, [0.5] * 40, Payoffs(2, -1)), current=0.6)
    assert equal.chosen.selected_share == 1
    gains = best_threshold(cases([1, 0], [0.9, 0.1], Payoffs(1, 1, -1, -1)))  # Even mistakes gain
    assert gains.selected_share == 1
    assert best_threshold(cases([1, 0], [0.9, 0.1], Payoffs(0, 0))).threshold == math.inf
    scores = decide_cases(cases([1, 0] * 20, np.arange(40) - 20.0, Payoffs()), current=0.0)
    assert math.isnan(scores.theory)
    assert any("no probabilities" in text for text in scores.findings())
    with pytest.raises(ValueError, match="missing or infinite"):
        cases([1, 0], [math.nan, 0.2], Payoffs())
    with pytest.raises(ValueError, match="no rows to decide on"):
        decide_cases(cases([], [], Payoffs()))
    with pytest.raises(ValueError, match="no rows to decide on"):
        profit_curve(cases([1], [0.5], Payoffs(), [0]))
    with pytest.raises(ValueError, match="Check the signs"):
        decide_cases(cases([1, 0], [0.2, 0.3], Payoffs(-1, 1)))


POLICIES = [
    Policy("threshold", ("pass", "select"), (0.1 + 0.2,), expected_profit=(1 / 3, -0.1, math.nan)),
    Policy("threshold", ("pass", "select"), (math.inf,), notes=("nobody is selected",)),
    Policy("band", ("no", "ask", "yes"), (0.2, 0.8), on_invalid="ask", costs={"review": 0.5}, limits={"max_share": 0.1}),
    Policy("utility", ("a", "b", "c"), utilities={"a": (0, 0), "b": (-1.5, "0.1 * x"), "c": ("-x", 2)}, classes=("0", "1")),
    Policy("threshold", ("high", "low"), (-3.5,), valid_range=(-math.inf, 10.0), higher_is_positive=False, unit="€"),
]  # fmt: skip


@pytest.mark.parametrize("policy", POLICIES)
def test_a_policy_comes_back_as_it_was(policy: Policy, tmp_path: Path) -> None:
    file = save_policy(policy, tmp_path)
    again = load_policy(file)
    assert policy_json(again) == policy_json(policy) == file.read_text(encoding="utf-8")
    if not (policy.expected_profit and math.isnan(policy.expected_profit[2])):
        assert again == policy
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"score": rng.random(50), "x": rng.random(50)})
    assert (again.decide(frame) == policy.decide(frame)).all()


def test_a_policy_of_a_decision_does_what_the_decision_measured() -> None:
    y, score = sample(14, 1_000)
    best = best_threshold(cases(y, score, Payoffs(5, -4, 0, -1)), n_resamples=0)
    policy = Policy("threshold", ("pass", "select"), (best.threshold,))
    assert ((policy.decide(score) == "select") == (score >= best.threshold)).all()
    x = np.random.default_rng(0).random(1_000)
    rows = cases(y, score, Payoffs("3 * x", "-2 * x", 0, 0), frame=pd.DataFrame({"x": x}))
    each = Policy("utility", ("pass", "select"), utilities={"pass": (0, 0), "select": ("-2 * x", "3 * x")})  # fmt: skip
    decided = each.decide(pd.DataFrame({"score": score, "x": x})) == "select"
    assert (decided == (score > row_thresholds(rows))).all()


def test_a_policy_from_elsewhere_is_looked_at() -> None:
    plain = json.loads(policy_json(POLICIES[2]))
    for change, message in [
        ({"pickle": "gASV"}, "unknown field 'pickle'"),
        ({"kind": "python"}, "no kind of policy"),
        ({"format": "mlops-lit policy 2"}, "this version reads"),
        ({"cuts": "0.2"}, "wrong type"),
        ({"cuts": [0.2, True]}, "wrong type"),
        ({"actions": ["a", 1, "b"]}, "wrong type"),
        ({"on_invalid": "guess"}, "no action"),
        ({"valid_range": [1]}, "wrong type"),
        ({"utilities": {"no": [1, 2]}}, "has no utilities"),
    ]:
        with pytest.raises(ValueError, match=message):
            parsed_policy(json.dumps({**plain, **change}))


def run_report(frame: pd.DataFrame, folder: Path, **params):
    "The record of the run, its prose, and its charts."
    import nbformat

    import mlops_lit as lit
    from mlops_lit.notebook.execution import run_notebook

    frame.to_parquet(folder / "table.parquet")
    done = run_notebook(REPORT, {"data": str(folder / "table.parquet"), **params}, store=folder / "store")  # fmt: skip
    store = lit.open_store(folder / "store")
    executed = nbformat.read(done.notebook, as_version=4)
    outputs = [o.get("data", {}) for cell in executed.cells for o in cell.get("outputs", [])]
    prose = "\n".join(output.get("text/markdown", "") for output in outputs)
    charts = sum(any("vegalite" in kind for kind in output) for output in outputs)
    return store, store.run(done.run_id), prose, charts


def test_the_report_decides_about_prisoners_released_and_keeps_a_policy(tmp_path: Path) -> None:
    from real_data import recidivism

    frame = recidivism().rename(columns={"race": "ra|ce*"})
    store, record, prose, charts = run_report(
        frame, tmp_path, outcome="came_back", score="score", choose_on="valid", report_on="test", true_positive=6.0,
        false_positive=-4.0, true_negative=0, false_negative=0, unit="k$", current_threshold=0.5, groups=["ra|ce*"],
        review_cost=0.3, reviewer_true_negative_rate=0.9, reviewer_true_positive_rate=0.9, actions=["nothing", "ask", "help"],
        ranges={"true_positive": [3, 9]},
    )  # fmt: skip
    assert record["status"] == "finished"
    test, valid = (frame[frame["split"] == part] for part in ("test", "valid"))
    payoffs = Payoffs(6, -4)
    best = best_threshold(cases(valid["came_back"], valid["score"], payoffs), n_resamples=0)
    rows = cases(test["came_back"], test["score"], payoffs)
    assert record["summary"]["threshold"] == best.threshold
    assert record["summary"]["profit_per_case"] == pytest.approx(profit_curve(rows).estimate(best.threshold).value, **EXACT)  # fmt: skip
    assert record["summary"]["theoretical_threshold"] == pytest.approx(0.4)
    assert charts >= 7
    assert "nan" not in prose.lower().replace("finance", "")
    assert "ra\\|ce\\*" in prose
    version = store.artifact("decision-policy:latest")
    policy = load_policy(version.path("policy.json"))
    assert policy.unit == "k$"
    assert (
        policy.made_at == policy.made_by == ""
    )  # The run knows; the same decision gives the same bytes
    assert policy.kind in ("threshold", "band")
    assert set(policy.decide(test["score"].to_numpy())) <= {"nothing", "ask", "help"}


def test_a_threshold_that_decides_like_todays_is_no_change() -> None:
    y, score = np.tile([1, 1, 0, 0, 1, 0], 50), np.tile([0.8, 0.8, 0.2, 0.2, 0.8, 0.8], 50)
    decision = decide_cases(cases(y, score, Payoffs()), cases(y, score, Payoffs()), current=0.5)
    assert decision.chosen.threshold == 0.8
    assert "decide all of these rows alike" in decision.verdict()
    assert decision.findings()[0].startswith("Found best where it was chosen, but not shown")
    verdicts = {check.name: check.verdict for check in decision.checks()}
    assert verdicts["earns more than today's threshold"] == "not judged"
    other = decide_cases(cases(y, score, Payoffs()), cases(y, score, Payoffs()), current=0.1)
    verdicts = {check.name: check.verdict for check in other.checks()}
    assert verdicts["earns more than today's threshold"] == "passed"
    assert other.findings()[0].startswith("**Select from a score of 0.8 on**")


def test_the_report_draws_no_change_where_nothing_changes(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    score = rng.choice([0.2, 0.8], 600)
    frame = pd.DataFrame({"y": (rng.random(600) < score).astype(int), "score": score, "g": rng.choice(["a", "b"], 600)})  # fmt: skip
    frame["split"] = np.where(np.arange(600) < 300, "valid", "test")
    common = {"outcome": "y", "score": "score", "groups": ["g"]}
    _, record, prose, charts = run_report(frame, tmp_path, current_threshold=0.5, **common)
    assert "Nothing changes" in prose
    assert "nobody is affected" in prose
    assert "Today's threshold decides all of these rows as the recommended threshold does" in prose
    verdicts = {check["name"]: check["verdict"] for check in record["checks"]}
    assert verdicts["earns more than today's threshold"] == "not judged"
    assert not re.search(r"\bnan\b", prose)
    _, _, prose, more = run_report(frame, tmp_path, current_threshold=0.1, **common)
    assert "nobody is affected" not in prose
    assert more == charts + 2  # The groups before and after, by selection and by profit


def test_the_report_warns_where_nothing_was_stated_and_scores_are_not_calibrated(tmp_path: Path) -> None:  # fmt: skip
    from sklearn.datasets import load_breast_cancer

    cancer = load_breast_cancer(as_frame=True)
    frame = pd.DataFrame({"malignant": 1 - cancer.target, "thickness": cancer.data["mean radius"]})
    _, record, prose, charts = run_report(frame, tmp_path, outcome="malignant", score="thickness", current_threshold=15.0)  # fmt: skip
    assert "was not stated" in prose
    assert "The scores are no probabilities" in prose
    assert "cross-fitted" in prose
    verdicts = {check["name"]: check["verdict"] for check in record["checks"]}
    assert verdicts["worth of the outcomes was stated"] == "failed"
    assert charts >= 2
    squeezed = frame.assign(thickness=frame["thickness"] / 60)
    _, _, prose, _ = run_report(squeezed, tmp_path, outcome="malignant", score="thickness", current_threshold=0.25)  # fmt: skip
    assert "not calibrated" in prose
