"""Simulated risks for the claims' sampled evidence."""

from lsa_theory.sampling import sampled_risk
from validation.harness import Setting, Sigma, batch_means

BATCHES = 64


def simulated(predictor, prompts, count: int, setting: Setting, exact: float, **options) -> Sigma:
    """The simulated risk of a predictor beside its exact value, with the error of batch means.

    Squared errors are heavy-tailed, so ``count`` prompts are drawn in 64 batches, whose means are
    close to normal.
    """
    means = [
        sampled_risk(
            predictor, prompts, count // BATCHES, seed=setting.integer_seed(f"{k}"), **options
        )[0]
        for k in range(BATCHES)
    ]
    return Sigma(*batch_means(means, BATCHES), exact, degrees=BATCHES - 1)
