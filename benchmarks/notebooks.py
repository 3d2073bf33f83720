"""The notebooks that `engine.py` executes, and the table that one of them reads."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

EMPTY = ["x = 1", "y = x + 1", "y"]
IMPORTS = [
    "import pandas as pd",
    "import matplotlib.pyplot as plt\nfrom sklearn.linear_model import LogisticRegression",
    "pd.DataFrame({'x': [1, 2]}).sum()",
]
EDA = [
    """import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.decomposition import PCA""",
    "rng = np.random.default_rng(0)\nn_rows = 20_000",
    """df = pd.DataFrame({
    "age": rng.integers(18, 80, n_rows),
    "income": rng.lognormal(10, 0.6, n_rows),
    "amount": rng.gamma(2.0, 90_000, n_rows),
    "region": rng.choice(["north", "east", "south", "west"], n_rows),
    "kind": rng.choice(["purchase", "refinancing", "improvement"], n_rows),
})""",
    "df['burden'] = df['amount'] / df['income'] / 12",
    "df['approved'] = rng.random(n_rows) > df['burden'].rank(pct=True) * 0.4",
    "df.loc[rng.choice(n_rows, 500, replace=False), 'income'] = np.nan",
    "df.head()",
    "df.dtypes",
    "df.describe()",
    "df.isna().mean()",
    "df['income'].hist(bins=60)\nplt.title('Income')\nplt.show()",
    "df['region'].value_counts(normalize=True)",
    "df.groupby('region')['approved'].mean()",
    "pd.crosstab(df['region'], df['kind'], normalize='index')",
    "df.groupby('kind')['income'].describe()",
    "df.boxplot(column='burden', by='region')\nplt.show()",
    "ages = pd.cut(df['age'], [17, 30, 45, 60, 80])",
    "df.groupby(ages, observed=True)['approved'].agg(['mean', 'size'])",
    "df.groupby([ages, 'kind'], observed=True)['approved'].mean().unstack()",
    "df.groupby(ages, observed=True)['approved'].mean().plot.bar()\nplt.show()",
    "numbers = df.select_dtypes('number')",
    "numbers.corr()",
    "plt.imshow(numbers.corr(), cmap='RdBu', vmin=-1, vmax=1)\nplt.show()",
    "PCA().fit(numbers.dropna().rank()).explained_variance_ratio_",
    "numbers.quantile([0.01, 0.25, 0.5, 0.75, 0.99])",
    "df.nlargest(10, 'burden')",
    "sample = df.sample(2_000, random_state=0)",
    "plt.scatter(sample['income'], sample['amount'], c=sample['approved'], s=4)\nplt.show()",
    "print(f'{df.duplicated().sum()} rows twice')",
    "df['approved'].mean()",
]
PREPARED = [
    ("setup", "import pandas as pd\nfrom sklearn.linear_model import LogisticRegression"),
    ("setup", "df = pd.read_csv('table.csv')"),
    (
        "setup",
        """df["day"] = pd.to_datetime(df["day"])
df["month"] = df["day"].dt.to_period("M")
df["z"] = df.groupby("region")["value"].transform(lambda x: (x - x.mean()) / x.std())""",
    ),
    ("parameters", "threshold: float = 0.5  # Share above which a row counts"),
    ("", "above = df[df['z'] > threshold]"),
    ("", "above.groupby('region')['value'].agg(['size', 'mean'])"),
]


def write_notebook(path: Path, cells: Sequence[str | tuple[str, str]]) -> Path:
    """The path of a new notebook; a cell is its source, or its tag and its source."""
    made = []
    for number, cell in enumerate(cells):
        tag, source = ("", cell) if isinstance(cell, str) else cell
        metadata = {"tags": [tag] if tag else []}
        kind: dict[str, Any] = {"cell_type": "code", "execution_count": None, "outputs": []}
        made.append({**kind, "id": f"cell-{number}", "metadata": metadata, "source": source})
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    facts = {"kernelspec": kernel, "language_info": {"name": "python"}}
    nb = {"cells": made, "metadata": facts, "nbformat": 4, "nbformat_minor": 5}
    path.write_text(json.dumps(nb, indent=1))
    return path


def write_table(path: Path, n_rows: int) -> None:
    """A CSV file with a day, a region, a value and a weight in each row."""
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(0)
    days = pd.Timestamp("2025-01-01") + pd.to_timedelta(rng.integers(0, 365, n_rows), unit="D")
    regions = rng.choice(["north", "east", "south", "west"], n_rows)
    values, weights = rng.normal(size=n_rows), rng.random(n_rows)
    columns = {"day": days, "region": regions, "value": values, "weight": weights}
    pd.DataFrame(columns).to_csv(path, index=False)
