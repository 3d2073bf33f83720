"""What pages about models cannot show well: other processes, tampered files, reports that refuse, a store without skops."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import zipfile
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mlops_lit.errors import InputError
from mlops_lit.model.files import load_model, load_model_card, model_scores, save_model
from mlops_lit.model.training import MODEL_KINDS, choose_features, fit, make_estimator, split_rows
from mlops_lit.store.artifacts import ArtifactVersion
from mlops_lit.store.objects import CorruptObject, object_path
from mlops_lit.store.store import Store, open_store

CARD = {
    "features": ["age", "town", "owner", "children"],
    "outcome": "paid",
    "classes": [0, 1],
    "kind": "logistic",
    "threshold": 0.5,
    "trained_on": "people:v1",
    "random_state": 0,
}

TRAIN = """
import hashlib, json, sys
sys.path.insert(0, {folder!r})
from test_model import CARD, people
from mlops_lit.model.files import save_model
from mlops_lit.model.training import MODEL_KINDS, fit, make_estimator
X = people()[CARD["features"]]
digests = {{}}
for kind in MODEL_KINDS:
    model = fit(make_estimator(kind, X, max_iter=10), X, people()["paid"].to_numpy())
    digests[kind] = hashlib.sha256(save_model(model, CARD)["model.skops"]).hexdigest()
print(json.dumps(digests))
"""


def people(n: int = 300) -> pd.DataFrame:
    "A table with numbers, truth values, categories, and something missing in each."
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(
        {
            "age": rng.normal(45, 12, n).round(),
            "town": rng.choice(["Boston", "Lowell", "Salem"], n),
            "owner": pd.array(rng.random(n) < 0.5, dtype="boolean"),
            "children": pd.array(rng.poisson(1, n), dtype="Int64"),
        }
    )
    frame["paid"] = (frame["age"] + rng.normal(0, 10, n) > 40).astype(int)
    frame.loc[::10, "age"] = np.nan
    frame.loc[::11, ["owner", "children"]] = pd.NA
    frame.loc[::12, "town"] = None
    return frame


def trained(kind: str) -> object:
    "A fitted model of that kind."
    X = people()[CARD["features"]]
    return fit(make_estimator(kind, X, max_iter=10), X, people()["paid"].to_numpy())


@pytest.fixture
def store(tmp_path: Path) -> Store:
    "An empty store."
    return open_store(tmp_path / ".mlops")


def put(store: Store, files: dict[str, bytes]) -> ArtifactVersion:
    "The files as a version."
    return store.put_artifact("model", files, type="model")


@pytest.mark.parametrize("kind", MODEL_KINDS)
def test_a_model_predicts_the_same_after_a_round_trip(store: Store, kind: str):
    model, X = trained(kind), people()
    version = put(store, save_model(model, CARD))
    assert load_model_card(version) == CARD
    scores = model_scores(load_model(version), load_model_card(version), X)
    assert np.array_equal(scores, model.predict_proba(X[CARD["features"]])[:, 1])
    unseen = X.head(2).assign(town="Atlantis", age=np.nan)
    assert np.isfinite(model_scores(load_model(version), CARD, unseen)).all()


def test_the_bytes_of_a_model_depend_on_nothing_but_the_model():
    digests = []
    for seed in ("1", "2"):  # Other memory addresses and another order of sets
        code = TRAIN.format(folder=str(Path(__file__).parent))
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        digests.append(json.loads(done.stdout.splitlines()[-1]))
    here = {
        kind: hashlib.sha256(save_model(trained(kind), CARD)["model.skops"]).hexdigest()
        for kind in MODEL_KINDS
    }
    assert digests == [here, here]


def with_type(content: bytes, module: str, name: str) -> bytes:
    "The dump of a model in which one type was replaced by another."
    source, target = zipfile.ZipFile(BytesIO(content)), BytesIO()
    schema = json.loads(source.read("schema.json"))
    schema["__module__"], schema["__class__"] = module, name
    with zipfile.ZipFile(target, "w") as archive:
        for entry in source.namelist():
            archive.writestr(
                entry, json.dumps(schema) if entry == "schema.json" else source.read(entry)
            )
    return target.getvalue()  # fmt: skip


@pytest.mark.parametrize(
    ("module", "name"), [("os", "system"), ("builtins", "eval"), ("subprocess", "Popen")]
)
def test_a_type_that_could_run_code_is_refused_by_name(store: Store, module: str, name: str):
    files = save_model(trained("baseline"), CARD)
    version = put(store, {**files, "model.skops": with_type(files["model.skops"], module, name)})
    with pytest.raises(InputError, match=f"not trusted: \\['{module}.{name}'\\]"):
        load_model(version)


def test_a_file_that_was_changed_in_the_store_is_refused(store: Store):
    version = put(store, save_model(trained("baseline"), CARD))
    path = object_path(store.folder / "objects", version.files["model.skops"].digest)
    path.chmod(0o644)
    path.write_bytes(path.read_bytes().replace(b"prior", b"PRIOR"))
    with pytest.raises(CorruptObject, match="is damaged"):
        load_model(version)


def test_a_pickle_is_no_model(store: Store):
    import pickle

    content = pickle.dumps(trained("baseline"))
    version = put(store, {"model.skops": content, "model.json": b"{}"})
    with pytest.raises(InputError, match="no model file that skops can read"):
        load_model(version)


def test_without_skops_the_error_says_what_to_install(store: Store, monkeypatch):
    monkeypatch.setitem(sys.modules, "skops.io", None)
    monkeypatch.setitem(sys.modules, "skops", None)
    with pytest.raises(InputError, match=r"pip install 'mlops_lit\[export\]'"):
        save_model(object(), CARD)


def test_one_class_is_refused_with_the_part_that_has_it():
    frame = people().assign(paid=1)
    with pytest.raises(InputError, match="All 180 rows of 'train' have the same 'paid'"):
        split_rows(frame, "paid", ["age"])


def test_a_split_of_the_table_is_used_and_never_a_feature():
    frame = people()
    frame["split"] = np.resize(["train", "train", "valid", "test"], len(frame))
    chosen = choose_features(frame, "paid")
    assert chosen.names == CARD["features"]
    parts = split_rows(frame, "paid", chosen.names)
    assert (len(parts.X_train), len(parts.X_valid), parts.made_here) == (150, 75, False)
    assert set(parts.X_train.index) == set(frame.index[frame["split"] == "train"])


def test_importing_the_rooms_of_models_does_not_import_the_heavy_libraries():
    code = "import mlops_lit.model.files, mlops_lit.model.training, sys; print('sklearn' in sys.modules, 'skops' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
