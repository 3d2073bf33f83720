"""Recording what others' code trains: each library for real where it is installed, and everything back in its place afterwards."""

from __future__ import annotations

import inspect
import io
import math
import os
import pickle
import subprocess
import sys
import textwrap
import threading
import warnings
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin, clone
from sklearn.cluster import KMeans
from sklearn.datasets import make_classification
from sklearn.decomposition import PCA
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import BaggingClassifier, RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

import mlops_lit as lit
from mlops_lit.errors import InputError
from mlops_lit.store.store import Store
from mlops_lit.track import autolog as page
from mlops_lit.track import callbacks
from mlops_lit.track.autolog import autolog

X, y = make_classification(
    n_samples=120, n_features=4, n_informative=3, n_redundant=0, random_state=0
)
FITS = ("fit", "fit_transform", "fit_predict")


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    "An empty store, and everything switched off and closed in the end."
    monkeypatch.setenv("MLOPS_LIT_STORE", str(tmp_path / ".mlops"))
    monkeypatch.delenv("MLOPS_LIT_RUN", raising=False)
    lit.finish()
    yield lit.open_store()
    autolog(disable=True)
    lit.finish()


def only_run(store: Store) -> dict[str, Any]:
    "run.json of the only run."
    runs = store.runs()
    assert len(runs) == 1, list(runs["name"])
    return store.run(runs["id"].iloc[0])


def curve(store: Store, metric: str) -> list[float]:
    "The values of a metric in the only run."
    history = store.history(only_run(store)["id"])
    return history[metric].dropna().tolist()


def python(code: str, **environment: str) -> str:
    "What a fresh interpreter prints."
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


# The door


def test_names_are_checked(store: Store) -> None:
    with pytest.raises(InputError, match="Did you mean 'xgboost'"):
        autolog("xgbost")
    with pytest.raises(InputError, match=r"Call watch\(model\)"):
        autolog("torch")
    for name in ("xgboost", "lightgbm", "keras", "lightning"):
        if find_spec(name) is None:
            with pytest.raises(InputError, match=f"needs {name}: pip install {name}"):
                autolog(name)
    assert autolog("scikit-learn") == ["sklearn"]


@pytest.mark.parametrize(
    ("library", "make"),
    [
        ("xgboost", lambda: callbacks.xgboost_callback()),
        ("lightgbm", lambda: callbacks.lightgbm_callback()),
        ("keras", lambda: callbacks.keras_callback()),
        ("lightning", lambda: callbacks.lightning_logger()),
        ("torch", lambda: callbacks.watch(object())),
    ],
)
def test_a_callback_needs_its_library_and_a_run(store: Store, library: str, make: Any) -> None:
    missing = find_spec(library) is None
    expected = f"needs {library}: pip install {library}" if missing else "No run is open"
    with pytest.raises(InputError, match=expected):
        make()


def test_importing_the_module_imports_no_library() -> None:
    loaded = python("""
        import sys, mlops_lit.track.autolog
        heavy = ("sklearn", "xgboost", "lightgbm", "keras", "torch", "lightning", "numpy", "pandas")
        print([name for name in heavy if name in sys.modules])
    """)
    assert loaded == "[]"


def test_autolog_imports_no_library_either(tmp_path: Path) -> None:
    loaded = python(
        """
        import sys, mlops_lit.track.autolog as page
        on = page.autolog()
        heavy = ("sklearn", "xgboost", "lightgbm", "keras", "torch", "lightning")
        print("sklearn" in on, [name for name in heavy if name in sys.modules])
        """
    )
    assert loaded == "True []"


# scikit-learn: what is recorded


def test_a_fit_gets_a_run_of_its_own(store: Store) -> None:
    assert "sklearn" in autolog()
    model = LogisticRegression(C=0.5)
    assert model.fit(X, y) is model
    record = only_run(store)
    assert (record["name"], record["job_type"], record["status"]) == (
        "LogisticRegression",
        "train",
        "finished",
    )
    assert record["config"]["LogisticRegression/C"] == 0.5
    assert record["config"]["LogisticRegression/solver"] == "lbfgs"
    summary = record["summary"]
    assert (summary["train/n_samples"], summary["train/n_features"]) == X.shape
    assert summary["train/score"] == model.score(X, y)
    assert summary["train/duration_s"] > 0


def test_a_fit_belongs_to_the_open_run(store: Store) -> None:
    autolog("sklearn")
    with lit.init(name="mine") as run:
        LogisticRegression().fit(X, y)
        run.log({"mine": 1.0})
    record = only_run(store)
    assert record["name"] == "mine"
    assert {"mine", "train/score"} <= set(record["summary"])


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_search_is_one_run_with_its_candidates(store: Store, n_jobs: int) -> None:
    autolog("sklearn")
    pipeline = Pipeline([("scale", StandardScaler()), ("model", LogisticRegression())])
    search = GridSearchCV(pipeline, {"model__C": [0.01, 1.0, 100.0]}, cv=3, n_jobs=n_jobs)
    search.fit(X, y)
    record = only_run(store)
    assert record["summary"]["best_params/model__C"] == search.best_params_["model__C"]
    assert record["summary"]["best_score"] == search.best_score_
    assert record["config"]["GridSearchCV/param_grid"] == {"model__C": [0.01, 1.0, 100.0]}
    assert curve(store, "cv/param_model__C") == [0.01, 1.0, 100.0]
    assert curve(store, "cv/mean_test_score") == search.cv_results_["mean_test_score"].tolist()
    assert curve(store, "cv/rank_test_score") == search.cv_results_["rank_test_score"].tolist()


def test_a_search_without_refit_has_no_training_score(store: Store) -> None:
    autolog("sklearn")
    grid = {"C": [0.1, 1.0]}
    scoring = ["accuracy", "roc_auc"]
    GridSearchCV(LogisticRegression(), grid, scoring=scoring, refit=False, cv=2).fit(X, y)
    summary = only_run(store)["summary"]
    assert not {"train/score", "best_score"} & set(summary)
    assert len(curve(store, "cv/mean_test_roc_auc")) == 2


@pytest.mark.parametrize(
    "model",
    [
        RandomForestClassifier(n_estimators=3, n_jobs=2),
        BaggingClassifier(DecisionTreeClassifier(), n_estimators=4, n_jobs=2),
        make_pipeline(StandardScaler(), PCA(2), LogisticRegression()),
    ],
    ids=lambda model: type(model).__name__,
)
def test_nested_fits_are_not_recorded(store: Store, model: Any) -> None:
    autolog("sklearn")
    model.fit(X, y)
    assert only_run(store)["name"] == type(model).__name__
    assert len(curve(store, "train/duration_s")) == 1


def test_threads_of_joblib_do_not_record(store: Store) -> None:
    from joblib import Parallel, delayed

    autolog("sklearn")
    jobs = (delayed(LogisticRegression(C=C).fit)(X, y) for C in (0.1, 1.0, 10.0))
    fitted = Parallel(n_jobs=2, backend="threading")(jobs)
    assert all(hasattr(model, "coef_") for model in fitted)
    assert len(store.runs()) == 0


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_folds_are_not_runs(store: Store, n_jobs: int | None) -> None:
    from sklearn.model_selection import cross_val_score

    autolog("sklearn")
    assert len(cross_val_score(LogisticRegression(), X, y, n_jobs=n_jobs)) == 5
    assert len(store.runs()) == 0


def test_a_thread_of_ones_own_records(store: Store) -> None:
    autolog("sklearn")
    thread = threading.Thread(target=LogisticRegression().fit, args=(X, y))
    thread.start()
    thread.join()
    assert only_run(store)["name"] == "LogisticRegression"


def test_processes_of_joblib_do_not_record(store: Store) -> None:
    from joblib import Parallel, delayed

    class Local(ClassifierMixin, BaseEstimator):
        "Not importable, so that joblib sends the class itself, wrapper and all."

        def fit(self, X: Any, y: Any) -> Any:
            self.mean_ = float(np.mean(X))
            return self

    autolog("sklearn")
    Local.__module__ = "__main__"
    fitted = Parallel(n_jobs=2)(delayed(Local().fit)(X, y) for _ in range(2))
    assert fitted[0].mean_ == pytest.approx(X.mean())
    assert len(store.runs()) == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_process_does_not_record(store: Store) -> None:
    autolog("sklearn")
    pid = os.fork()
    if pid == 0:
        LogisticRegression().fit(X, y)
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    assert len(store.runs()) == 0


@pytest.mark.parametrize("positional", [True, False])
def test_the_training_score_is_weighted_as_the_fit(store: Store, positional: bool) -> None:
    weight = np.where(y == 1, 10.0, 0.1)
    autolog("sklearn")
    model = LogisticRegression()
    model.fit(X, y, weight) if positional else model.fit(X, y, sample_weight=weight)
    assert only_run(store)["summary"]["train/score"] == model.score(X, y, sample_weight=weight)


def test_the_weight_of_a_pipelines_last_step_counts(store: Store) -> None:
    weight = np.where(y == 1, 10.0, 0.1)
    autolog("sklearn")
    model = make_pipeline(StandardScaler(), LogisticRegression())
    model.fit(X, y, logisticregression__sample_weight=weight)
    expected = model.score(X, y, sample_weight=weight)
    assert only_run(store)["summary"]["train/score"] == expected != model.score(X, y)


def test_other_ways_to_fit_are_recorded(store: Store) -> None:
    autolog("sklearn")
    scores = PCA(2).fit_transform(X)
    assert scores.shape == (len(X), 2)
    labels = make_pipeline(StandardScaler(), KMeans(2, random_state=0)).fit_predict(X)
    assert set(labels) == {0, 1}
    assert sorted(store.runs()["name"]) == ["PCA", "Pipeline"]


def test_what_is_available_stays_available(store: Store) -> None:
    predicts = make_pipeline(StandardScaler(), KMeans(2))
    transforms = make_pipeline(StandardScaler(), PCA(2))
    before = [hasattr(m, name) for m in (predicts, transforms) for name in FITS]
    autolog("sklearn")
    assert [hasattr(m, name) for m in (predicts, transforms) for name in FITS] == before
    with pytest.raises(AttributeError, match="fit_predict"):
        transforms.fit_predict(X)


def test_secrets_do_not_reach_the_record(store: Store) -> None:
    class FromService(TransformerMixin, BaseEstimator):
        def __init__(self, api_key: str = "") -> None:
            self.api_key = api_key

        def fit(self, X: Any, y: Any = None) -> Any:
            return self

        def transform(self, X: Any) -> Any:
            return X

    autolog("sklearn")
    FromService("hunter2").fit(X)
    make_pipeline(FromService("hunter2"), LogisticRegression()).fit(X, y)
    for run_id in store.runs()["id"]:
        assert "hunter2" not in (store.run_folder(run_id) / "run.json").read_text()
    assert store.run("FromService")["config"]["FromService/api_key"] == "***"


def test_text_and_lists_are_counted_too(store: Store) -> None:
    from sklearn.feature_extraction.text import CountVectorizer

    autolog("sklearn")
    texts = ["a loan", "no loan", "a house"]
    model = make_pipeline(CountVectorizer(), LogisticRegression()).fit(texts, [1, 0, 1])
    summary = only_run(store)["summary"]
    assert summary["train/n_samples"] == 3
    assert summary["train/score"] == model.score(texts, [1, 0, 1])


# scikit-learn: nothing is changed


def test_random_numbers_are_the_same_with_and_without(store: Store) -> None:
    def draw() -> tuple[list[int], list[int]]:
        np.random.seed(0)
        free = DummyClassifier(strategy="stratified").fit(X, y).predict(X[:20])
        state = np.random.RandomState(0)
        own = DummyClassifier(strategy="stratified", random_state=state).fit(X, y)
        return free.tolist(), own.predict(X[:20]).tolist()

    without = draw()
    autolog("sklearn")
    assert draw() == without
    assert len(store.runs()) == 2


def test_data_that_the_fit_may_overwrite_is_not_scored(store: Store) -> None:
    autolog("sklearn")
    LinearRegression(copy_X=False).fit(X.copy(), y)
    assert "train/score" not in only_run(store)["summary"]


def test_pickle_and_clone_are_unaffected(store: Store) -> None:
    def trained() -> Any:
        return make_pipeline(StandardScaler(), DecisionTreeClassifier(random_state=0)).fit(X, y)

    without = pickle.dumps(trained())
    autolog("sklearn")
    model = trained()
    assert pickle.dumps(model) == without
    loaded = pickle.loads(without)
    assert np.array_equal(loaded.predict(X), model.predict(X))
    assert clone(model).get_params().keys() == model.get_params().keys()
    assert pickle.loads(pickle.dumps(model.fit))(X, y).score(X, y) == model.score(X, y)


def test_frames_come_out_as_frames(store: Store) -> None:
    import pandas as pd

    frame = pd.DataFrame(X, columns=list("abcd"))
    autolog("sklearn")
    out = StandardScaler().set_output(transform="pandas").fit_transform(frame)
    assert list(out.columns) == list("abcd")


def test_errors_of_the_fit_pass_through_and_fail_the_run(store: Store) -> None:
    raised: list[BaseException] = [KeyboardInterrupt(), StopIteration(), ValueError("no")]

    class Broken(BaseEstimator):
        def __init__(self, which: int = 0) -> None:
            self.which = which

        def fit(self, X: Any, y: Any = None) -> None:
            raise raised[self.which]

    autolog("sklearn")
    for which, error in enumerate(raised):
        with pytest.raises(type(error)) as caught:
            Broken(which).fit(X)
        assert caught.value is error
    assert set(store.runs()["status"]) == {"failed"}
    with pytest.raises(TypeError, match=r"fit\(\)"):
        LogisticRegression().fit()
    with pytest.raises(InputError, match="No run is open"):
        lit.current_run()


def test_errors_of_the_recording_are_one_warning(store: Store) -> None:
    class Unscorable(BaseEstimator):
        def fit(self, X: Any, y: Any = None) -> Any:
            return self

        def score(self, X: Any, y: Any = None) -> float:
            raise RuntimeError("no score today")

    autolog("sklearn")
    with pytest.warns(UserWarning, match="training score of Unscorable: RuntimeError"):
        Unscorable().fit(X)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Unscorable().fit(X)
    assert store.runs()["train/n_samples"].tolist() == [len(X)] * 2


def test_a_store_that_cannot_be_written_does_not_stop_the_fit(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a file").write_text("")
    monkeypatch.setenv("MLOPS_LIT_STORE", str(tmp_path / "a file" / "store"))
    autolog("sklearn")
    with pytest.warns(UserWarning, match="Could not record this training"):
        model = LogisticRegression().fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        autolog("sklearn")
        assert model.fit(X, y) is model


# scikit-learn: everything is put back


def snapshot() -> dict[tuple[type, str], Any]:
    "The fitting methods of all estimators, as they stand in their classes."
    from sklearn.utils import all_estimators

    names = (*FITS, "__init_subclass__")
    owners = {owner for _, cls in all_estimators() for owner in cls.__mro__}
    return {(c, n): vars(c)[n] for c in owners for n in names if n in vars(c)}


def test_all_estimators_are_wrapped_and_restored_exactly(store: Store) -> None:
    from sklearn.utils import all_estimators

    before, finders = snapshot(), list(sys.meta_path)
    autolog("sklearn")
    for _, cls in all_estimators():
        for name in FITS:
            owner = next((c for c in cls.__mro__ if name in vars(c)), None)
            assert owner is None or vars(owner)[name] in page._ORIGINALS, (cls, name)
    during = snapshot()
    autolog("sklearn")
    assert snapshot() == during  # Twice is once
    assert autolog(disable=True) == ["sklearn"]
    after = snapshot()
    assert after.keys() == before.keys()
    assert all(after[key] is before[key] for key in before)
    assert sys.meta_path == finders


@pytest.mark.parametrize(
    "bases", [(TransformerMixin, BaseEstimator), (BaseEstimator, TransformerMixin)]
)
def test_classes_defined_meanwhile_are_restored_too(store: Store, bases: Any) -> None:
    def fit(self: Any, X: Any, y: Any = None) -> Any:
        return self

    def fit_transform(self: Any, X: Any, y: Any = None) -> Any:
        return X

    autolog("sklearn")
    body = {"fit": fit, "fit_transform": fit_transform, "transform": fit_transform}
    cls: Any = type("Meanwhile", bases, dict(body))
    cls().fit(X)
    cls().fit_transform(X)
    assert len(store.runs()) == 2
    autolog(disable=True)
    assert vars(cls)["fit"] is fit
    # scikit-learn wrapped fit_transform itself: nothing of ours is outside or inside of that.
    assert inspect.unwrap(cls.fit_transform, stop=lambda f: f in page._ORIGINALS) is fit_transform


def test_what_others_replaced_is_left_alone(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    autolog("sklearn")
    ours = LogisticRegression.fit

    def theirs(self: Any, *args: Any, **kwargs: Any) -> Any:
        return ours(self, *args, **kwargs)

    original = page._ORIGINALS[ours]
    try:
        LogisticRegression.fit = theirs
        autolog(disable=True)
        assert LogisticRegression.fit is theirs
        LogisticRegression().fit(X, y)
        assert len(store.runs()) == 0
    finally:
        LogisticRegression.fit = original


def test_a_library_imported_later_is_recorded(tmp_path: Path) -> None:
    names = python(
        """
        import mlops_lit as lit
        from mlops_lit.track.autolog import autolog
        autolog("sklearn")
        import sys, sklearn.base
        spec = sklearn.base.__spec__
        assert "exec_module" not in vars(spec.loader), "the loader is as it was"
        from sklearn.cluster import KMeans
        KMeans(2).fit([[0.0], [0.1], [1.0], [1.1]])
        print(lit.open_store().runs()["name"].tolist())
        """,
        MLOPS_LIT_STORE=str(tmp_path / ".mlops"),
    )
    assert names == "['KMeans']"


# scikit-learn's own callbacks


@pytest.mark.skipif(find_spec("sklearn.callback") is None, reason="needs scikit-learn 1.9")
def test_sklearn_callback_draws_the_estimators_own_fit(store: Store) -> None:
    with lit.init(name="announced"):
        model = LogisticRegression().set_callbacks(callbacks.sklearn_callback())
        pipeline = make_pipeline(StandardScaler(), model).fit(X, y)
    scores = curve(store, "train/score")
    assert len(scores) == model.n_iter_[0]
    assert scores[-1] == pipeline.score(X, y)
    with lit.init(name="searched") as run:
        GridSearchCV(model, {"C": [0.1, 1.0]}, cv=2, n_jobs=2).fit(X, y)
        GridSearchCV(model, {"C": [0.1, 1.0]}, cv=2).fit(X, y)
        copied = pickle.loads(pickle.dumps(model)).fit(X, y)
    assert len(store.history(run.id)) == 0
    assert np.array_equal(copied.predict(X), LogisticRegression().fit(X, y).predict(X))


# XGBoost


def boosted(xgboost: Any, callbacks: list[Any] | None = None, **more: Any) -> Any:
    "A booster trained on the first rows and evaluated on the others."
    train, valid = (xgboost.DMatrix(X[rows], y[rows]) for rows in (slice(80), slice(80, None)))
    return xgboost.train(
        {"objective": "binary:logistic", "eta": 0.5, "eval_metric": ["logloss", "auc"]},
        train,
        num_boost_round=12,
        evals=[(train, "train"), (valid, "valid")],
        callbacks=callbacks,
        verbose_eval=False,
        **more,
    )


def test_xgboost_train(store: Store) -> None:
    xgboost = pytest.importorskip("xgboost")
    evals: dict[str, Any] = {}
    original = xgboost.train
    without = boosted(xgboost).save_raw()
    autolog("xgboost")
    booster = boosted(xgboost, evals_result=evals)
    assert booster.save_raw() == without
    assert curve(store, "valid/logloss") == pytest.approx(evals["valid"]["logloss"])
    assert curve(store, "train/auc") == pytest.approx(evals["train"]["auc"])
    assert curve(store, "iteration") == list(range(12))
    record = only_run(store)
    assert (record["name"], record["status"]) == ("xgboost", "finished")
    assert record["config"]["xgboost/eta"] == pytest.approx(0.5)
    assert record["config"]["xgboost/objective"] == "binary:logistic"
    gains = booster.get_score(importance_type="gain")
    assert record["summary"]["importance/f0"] == pytest.approx(gains["f0"])
    assert "best_iteration" not in record["summary"]
    autolog(disable=True)
    assert xgboost.train is xgboost.training.train is xgboost.sklearn.train is original


def test_xgboost_early_stopping(store: Store) -> None:
    xgboost = pytest.importorskip("xgboost")
    autolog("xgboost")
    booster = boosted(xgboost, early_stopping_rounds=2)
    summary = only_run(store)["summary"]
    assert summary["best_iteration"] == booster.best_iteration
    assert summary["best_score"] == pytest.approx(booster.best_score)
    assert len(curve(store, "valid/auc")) == booster.num_boosted_rounds()


def test_xgboost_callback(store: Store) -> None:
    xgboost = pytest.importorskip("xgboost")
    with lit.init(name="announced"):
        callback = callbacks.xgboost_callback(max_features=2)
        autolog("xgboost")  # Does not add a second one
        boosted(xgboost, [callback])
        boosted(xgboost, [pickle.loads(pickle.dumps(callback))])
        data = xgboost.DMatrix(X, y)
        params = {"objective": "binary:logistic"}
        autolog(disable=True)
        xgboost.cv(params, data, 3, nfold=2, callbacks=[callbacks.xgboost_callback()])
    assert len(curve(store, "valid/logloss")) == 12
    assert len(curve(store, "test/logloss")) == len(curve(store, "test/logloss_std")) == 3
    importances = [k for k in only_run(store)["summary"] if k.startswith("importance/")]
    assert len(importances) == 2


@pytest.mark.parametrize("booster", ["gbtree", "dart", "gblinear"])
def test_every_kind_of_xgboost_model(store: Store, booster: str) -> None:
    xgboost = pytest.importorskip("xgboost")
    autolog()
    model = xgboost.XGBClassifier(n_estimators=4, booster=booster, random_state=0)
    assert model.fit(X, y, eval_set=[(X, y)], verbose=False) is model
    record = only_run(store)
    assert record["name"] == "XGBClassifier"
    assert record["config"]["XGBClassifier/n_estimators"] == 4
    assert record["config"]["xgboost/booster"] == booster
    assert len(curve(store, "validation_0/logloss")) == 4
    assert record["summary"]["train/score"] == model.score(X, y)
    assert any(name.startswith("importance/") for name in record["summary"])
    assert model.get_params()["callbacks"] is None
    assert np.array_equal(pickle.loads(pickle.dumps(model)).predict(X), model.predict(X))


@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
def test_a_booster_in_a_pipeline_has_a_curve_and_one_in_a_search_has_none(
    store: Store, library: str
) -> None:
    module = pytest.importorskip(library)
    cls = module.XGBClassifier if library == "xgboost" else module.LGBMClassifier
    quiet = {"verbose": False} if library == "xgboost" else {}
    model = cls(n_estimators=3, **({} if library == "xgboost" else {"verbose": -1}))
    step = cls.__name__.lower()
    autolog()
    options = {f"{step}__eval_set": [(X, y)], **{f"{step}__{k}": v for k, v in quiet.items()}}
    make_pipeline(StandardScaler(), model).fit(X, y, **options)
    metrics = set(only_run(store)["summary"])
    assert any(name.endswith("logloss") for name in metrics)
    with lit.init(name="search") as run:
        GridSearchCV(model, {"max_depth": [2, 3]}, cv=2).fit(X, y, eval_set=[(X, y)], **quiet)
    summary = store.run(run.id)["summary"]
    assert "best_score" in summary
    assert not any(name.endswith("logloss") for name in summary)


# LightGBM


def lightgbm_booster(lightgbm: Any, *callbacks: Any) -> Any:
    "A booster trained on the first rows and evaluated on the others."
    train = lightgbm.Dataset(X[:80], y[:80])
    valid = lightgbm.Dataset(X[80:], y[80:], reference=train)
    return lightgbm.train(
        {"objective": "binary", "metric": ["binary_logloss", "auc"], "verbose": -1, "seed": 0},
        train,
        num_boost_round=12,
        valid_sets=[valid],
        valid_names=["valid"],
        callbacks=list(callbacks) or None,
    )


def test_lightgbm_train(store: Store) -> None:
    lightgbm = pytest.importorskip("lightgbm")
    evals: dict[str, Any] = {}
    original = lightgbm.train
    without = lightgbm_booster(lightgbm).model_to_string()
    autolog("lightgbm")
    stop = lightgbm.early_stopping(2, verbose=False)
    assert lightgbm_booster(lightgbm).model_to_string() == without
    first = only_run(store)
    assert first["config"]["lightgbm/objective"] == "binary"
    assert len(curve(store, "valid/binary_logloss")) == 12
    assert "best_iteration" not in first["summary"]
    with lit.init(name="stopped") as run:
        booster = lightgbm_booster(lightgbm, stop, lightgbm.record_evaluation(evals))
    summary = store.run(run.id)["summary"]
    assert summary["best_iteration"] == booster.best_iteration
    assert summary["best_score/valid/auc"] == booster.best_score["valid"]["auc"]
    logged = store.history(run.id)["valid/auc"].dropna().tolist()
    assert logged == pytest.approx(evals["valid"]["auc"])
    gain = booster.feature_importance("gain")[0]
    assert summary["importance/Column_0"] == pytest.approx(gain)
    autolog(disable=True)
    assert lightgbm.train is lightgbm.engine.train is lightgbm.sklearn.train is original


def test_lightgbm_callback(store: Store) -> None:
    lightgbm = pytest.importorskip("lightgbm")
    with lit.init(name="announced"):
        callback = callbacks.lightgbm_callback(max_features=2)
        autolog("lightgbm")  # Does not add a second one
        lightgbm_booster(lightgbm, callback)
        autolog(disable=True)
        lightgbm_booster(lightgbm, pickle.loads(pickle.dumps(callback)))
        params = {"objective": "binary", "verbose": -1}
        data = lightgbm.Dataset(X, y)
        lightgbm.cv(params, data, 3, nfold=2, callbacks=[callbacks.lightgbm_callback()])
    assert len(curve(store, "valid/auc")) == 12
    assert len(curve(store, "valid/binary_logloss_std")) == 3


def test_lightgbm_estimators(store: Store) -> None:
    lightgbm = pytest.importorskip("lightgbm")
    autolog()
    model = lightgbm.LGBMClassifier(n_estimators=4, verbose=-1)
    model.fit(X, y, eval_set=[(X, y)])
    record = only_run(store)
    assert record["name"] == "LGBMClassifier"
    assert len(curve(store, "training/binary_logloss")) == 4
    assert record["summary"]["train/score"] == model.score(X, y)
    with lit.init(name="announced"):
        callbacks.log_booster(model)
        model.set_params(n_estimators=3).fit(X, y, callbacks=[callbacks.lightgbm_callback()])
    assert "importance/Column_0" in store.run("announced")["summary"]


# PyTorch


def test_watch(store: Store) -> None:
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU(), torch.nn.Linear(3, 1))
    net[2].bias.requires_grad_(False)
    data = torch.tensor(X, dtype=torch.float32)

    def step() -> None:
        net.zero_grad()
        net(data).square().mean().backward()

    with lit.init(name="net") as run:
        callbacks.watch(net, log="all", log_freq=2)
        callbacks.watch(net, log="all", log_freq=2)  # Replaces the first
        for number in range(5):
            step()
            run.log({"loss": float(number)})
        buffer = io.BytesIO()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            torch.save(net, buffer)
        callbacks.unwatch(net)
        step()
        run.log({"loss": 5.0})
    lines = [
        line for line in history_lines(store, run.id) if any(n.startswith("grad") for n in line)
    ]
    assert [line["_step"] for line in lines] == [0, 2, 4]
    assert [line["loss"] for line in lines] == [0.0, 2.0, 4.0]
    names = {name for name in lines[0] if "/" in name}
    trained = ("0.weight", "0.bias", "2.weight")
    assert names == {f"{k}/{n}" for k in ("gradients", "parameters") for n in trained}
    assert sum(lines[0]["gradients/0.weight"]["values"]) == net[0].weight.numel()
    assert all(not p._post_accumulate_grad_hooks for p in net.parameters() if p.requires_grad)


def history_lines(store: Store, run_id: str) -> list[dict[str, Any]]:
    "The points of a run as they were logged, histograms with their counts."
    frame = store.history(run_id)
    lines = []
    for row in frame.to_dict("records"):
        row["_step"] = row.pop("step")
        lines.append({k: v for k, v in row.items() if not (isinstance(v, float) and math.isnan(v))})
    return lines


def test_watch_counts_what_is_not_finite(store: Store) -> None:
    torch = pytest.importorskip("torch")
    net = torch.nn.Linear(2, 1, bias=False)
    with lit.init(name="net") as run:
        callbacks.watch(net, log_freq=1)
        net(torch.tensor([[1.0, float("nan")]])).sum().backward()
        run.log({"loss": 1.0})
    assert store.run(run.id)["summary"]["gradients/weight/n_not_finite"] == 1


def test_two_models_are_told_apart_by_name(store: Store) -> None:
    torch = pytest.importorskip("torch")
    criterion, nets = torch.nn.MSELoss(), {n: torch.nn.Linear(2, 1) for n in ("one", "two")}
    with lit.init(name="nets") as run:
        for name, net in nets.items():
            callbacks.watch(net, criterion, log_freq=10, name=name)
            net(torch.ones(1, 2)).sum().backward()
        run.log({"loss": 1.0})
    columns = set(store.history(run.id).columns)
    assert {f"gradients/{name}.{k}" for name in nets for k in ("weight", "bias")} <= columns
    callbacks.unwatch()
    assert not any(p._post_accumulate_grad_hooks for p in nets["one"].parameters())


def test_watch_refuses_what_is_no_module(store: Store) -> None:
    pytest.importorskip("torch")
    with (
        lit.init(name="net"),
        pytest.raises(InputError, match=r"needs a torch.nn.Module, not a str"),
    ):
        callbacks.watch("net")


# Keras


def keras_model(keras: Any) -> Any:
    "A small compiled model, the same each time."
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, activation="sigmoid")])
    model.compile(optimizer=keras.optimizers.Adam(0.05), loss="binary_crossentropy")
    return model


def test_keras(store: Store) -> None:
    keras = pytest.importorskip("keras")
    options = {"epochs": 3, "batch_size": 40, "verbose": 0, "validation_split": 0.2}
    without = keras_model(keras).fit(X, y, **options).history
    autolog("keras")
    seen: list[int] = []
    mine = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(epoch))
    history = keras_model(keras).fit(X, y, callbacks=[mine], **options).history
    assert (history, seen) == (without, [0, 1, 2])
    assert curve(store, "epoch/loss") == pytest.approx(history["loss"])
    assert curve(store, "epoch/val_loss") == pytest.approx(history["val_loss"])
    assert curve(store, "epoch/learning_rate") == pytest.approx([0.05] * 3)
    record = only_run(store)
    assert record["name"] == "Sequential"
    assert record["config"]["optimizer/learning_rate"] == pytest.approx(0.05)
    assert record["config"]["keras/n_parameters"] == 5
    assert record["config"]["keras/epochs"] == 3
    autolog(disable=True)
    assert "fit" not in vars(keras.Model)


def test_keras_callback(store: Store) -> None:
    keras = pytest.importorskip("keras")
    with lit.init(name="announced"):
        callback = callbacks.keras_callback(log_freq=2)
        autolog("keras")  # Does not add a second one
        keras_model(keras).fit(X, y, epochs=2, batch_size=40, verbose=0, callbacks=[callback])
    assert len(curve(store, "epoch/loss")) == 2
    assert curve(store, "batch/batch") == [0, 2, 4]


# Lightning


def lightning_module(lightning: Any) -> Any:
    "A module that logs a loss, and the data for it."
    import torch

    class Net(lightning.LightningModule):  # type: ignore[misc]
        def __init__(self, width: int = 3, api_key: str = "hunter2"):
            super().__init__()
            self.save_hyperparameters()
            self.layer = torch.nn.Linear(4, 1)

        def training_step(self, batch: Any, number: int) -> Any:
            loss = self.layer(batch[0]).square().mean()
            self.log("loss", loss)
            return loss

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters(), 0.1)

    data = torch.utils.data.TensorDataset(torch.tensor(X, dtype=torch.float32))
    return Net(), torch.utils.data.DataLoader(data, batch_size=20)


def trainer(lightning: Any, folder: Path, **options: Any) -> Any:
    "A trainer that says nothing and logs each step."
    quiet = {"enable_progress_bar": False, "enable_model_summary": False, "accelerator": "cpu"}
    return lightning.Trainer(
        max_epochs=2, log_every_n_steps=1, default_root_dir=folder, **quiet, **options
    )


def test_lightning_logger(store: Store, tmp_path: Path) -> None:
    lightning = pytest.importorskip("lightning.pytorch")
    net, data = lightning_module(lightning)
    with lit.init(name="net") as run:
        logger = callbacks.lightning_logger()
        assert (logger.version, logger.name) == (run.id, run.project)
        assert logger.experiment is run
        trainer(lightning, tmp_path, logger=logger).fit(net, data)
    assert len(curve(store, "loss")) == 12
    assert curve(store, "trainer/global_step") == list(range(12))
    config = only_run(store)["config"]
    assert (config["width"], config["api_key"]) == (3, "***")


def test_lightning_autolog(store: Store, tmp_path: Path) -> None:
    lightning = pytest.importorskip("lightning.pytorch")
    original = vars(lightning.Trainer)["fit"]
    autolog("lightning")
    net, data = lightning_module(lightning)
    csv = lightning.loggers.CSVLogger(tmp_path)
    logging = trainer(lightning, tmp_path, logger=csv)
    logging.fit(net, data)
    assert logging.loggers == [csv]
    assert only_run(store)["name"] == "Net"
    assert len(curve(store, "loss")) == 12
    trainer(lightning, tmp_path, logger=False).fit(net, data)
    assert len(store.runs()) == 1
    autolog(disable=True)
    assert vars(lightning.Trainer)["fit"] is original


# All of them, imported after autolog


@pytest.mark.parametrize("library", ["xgboost", "lightgbm", "keras", "lightning.pytorch"])
def test_the_others_are_instrumented_when_imported(library: str) -> None:
    if find_spec(library.partition(".")[0]) is None:
        pytest.skip(f"needs {library}")
    where = {
        "keras": "module.Model.fit",
        "lightning.pytorch": "module.Trainer.fit",
    }.get(library, "module.train")
    printed = python(f"""
        from mlops_lit.track import autolog as page
        page.autolog()
        import importlib
        module = importlib.import_module({library!r})
        recorded = {where}
        page.autolog(disable=True)
        print(recorded.__code__.co_filename == page.__file__, {where} is recorded)
    """)
    assert printed.splitlines()[-1] == "True False"
