"""Real covariances: the feature tables that scikit-learn bundles, raw."""

from collections.abc import Mapping

import numpy as np

# raw breast-cancer features have condition number about 1e12; digits has constant pixels: singular
LOADERS = {
    "diabetes": "load_diabetes",
    "wine": "load_wine",
    "breast cancer": "load_breast_cancer",
    "digits": "load_digits",
}


def observations() -> Mapping[str, np.ndarray]:
    """The (n, d) feature tables by name."""
    from sklearn import datasets

    scaled = {"load_diabetes": {"scaled": False}}  # else columns come normalised
    return {
        name: getattr(datasets, loader)(**scaled.get(loader, {})).data
        for name, loader in LOADERS.items()
    }


def covariance(rows: np.ndarray) -> np.ndarray:
    """Covariance of the centred rows, ``X^T X / n``: the second moment of a draw of one of them."""
    centred = rows - rows.mean(axis=0)
    matrix = centred.T @ centred / len(rows)
    return (matrix + matrix.T) / 2
