"""A classifier with its data as an artifact, pictures of its errors in a table, plots and the model as a file."""

import json

import numpy as np
import wandb
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

PROJECT = "digits"

with wandb.init(project=PROJECT, job_type="load-data") as run:
    data = load_digits()
    raw = wandb.Artifact(
        "digits-raw", type="dataset", description="8 x 8 digits", metadata={"n": len(data.target)}
    )
    with raw.new_file("digits.npz", mode="wb") as file:
        np.savez(file, images=data.images, target=data.target)
    run.log_artifact(raw)

config = {"C": 0.1, "max_iter": 200, "test_size": 0.25, "seed": 0}
with wandb.init(project=PROJECT, job_type="train", config=config) as run:
    artifact = run.use_artifact("digits-raw:latest", type="dataset")
    folder = artifact.download()
    content = np.load(f"{folder}/digits.npz")
    X, y = content["images"].reshape(len(content["target"]), -1), content["target"]
    X_train, X_test, y_train, y_test, _, images = train_test_split(
        X, y, content["images"], test_size=run.config.test_size, random_state=run.config["seed"]
    )
    for n_rows in (100, 400, len(X_train)):
        model = LogisticRegression(C=run.config.C, max_iter=wandb.config.max_iter)
        model.fit(X_train[:n_rows], y_train[:n_rows])
        wandb.log(
            {
                "n_rows": n_rows,
                "accuracy": {
                    "train": model.score(X_train, y_train),
                    "test": model.score(X_test, y_test),
                },
            }
        )
    probabilities = model.predict_proba(X_test)
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != y_test)[:5]
    table = wandb.Table(columns=["image", "label", "predicted"])
    for row in wrong:
        table.add_data(
            wandb.Image(images[row] / 16, caption=f"row {row}"),
            int(y_test[row]),
            int(probabilities[row].argmax()),
        )
    wandb.log(
        {
            "errors": table,
            "examples": [wandb.Image(image / 16) for image in images[:3]],
            "scores": wandb.Histogram(probabilities.max(axis=1)),
            "confusion": wandb.plot.confusion_matrix(
                probs=probabilities, y_true=y_test, class_names=[str(n) for n in range(10)]
            ),
            "roc": wandb.plot.roc_curve(y_test, probabilities),
        }
    )
    run.summary["n_wrong"] = int((probabilities.argmax(axis=1) != y_test).sum())
    with open("model.json", "w") as file:
        json.dump({"coef": model.coef_.tolist()}, file)
    wandb.save("model.json")
    trained = wandb.Artifact("digits-model", type="model", metadata=dict(run.config))
    trained.add_file("model.json")
    run.log_artifact(trained, aliases=["latest", "best"])
