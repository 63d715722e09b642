r"""What has been learnt where? Beside attention, which answers by the context with strength $a$,
stands a table, which answers from memory with strength $b$. On a known task both agree and nothing
can be told. So ask where they do not: of a new task the table knows nothing; a context of noise
tells attention nothing; a context of the opposite sets them against each other.

Everything is in units of the right answer. Attention adds to its mean $a$ the noise of the
evidence: for regression $E \|h - w\|^2 = \kappa \|w\|^2$ in the mean over tasks, with $\kappa = (d
+ 1 + \sigma^2)/N$, for labels $\pm 1$ a sum over $N - 1$ other examples, of variance $(N - 1)/D$.
The table adds none. A mean and a variance are all that the squared error needs, and for Gaussian
evidence all that the probability of the right sign needs.
"""

import numpy as np

from lsa_theory.transience import Classification, Regression
from lsa_theory.transience.evaluators import Answer, Answers, answers
from validation.common.derived import derivation, wrong_steps
from validation.harness import Claim, Control, Sigma, batch_means, evidence
from validation.harness.figures import canvas

BATCHES = 64
derived = derivation("evaluators")
QUESTIONS = ("in_context", "in_weights", "flip")


def shares(setting):
    """The question, and the shares of attention and table."""
    return {
        f"{question}, a = {a}, b = {b}": (question, a, b)
        for question in QUESTIONS
        for a, b in ((0.6, 0.3), (0.2, 0.9))
    }


@evidence(Sigma, "regression: squared errors on whole prompts", cases=shares)
def risks(formula, case, setting):
    """New tasks, labels that are noise, or labels of the opposite task, with noise of their own."""
    (question, a, b), rng = case, setting.rng("prompts")
    d, n, noise, idle = 3, 5, 0.7, 1.3
    count = BATCHES * (100 if setting.quick else 200)
    task, x = rng.standard_normal((count, d)), rng.standard_normal((count, n, d))
    shown = {"in_context": task, "in_weights": 0 * task, "flip": -task}[question]
    held = 0 * task if question == "in_context" else task
    right = -task if question == "flip" else task
    deviation = np.sqrt(idle if question == "in_weights" else noise)
    y = (x @ shown[..., None])[..., 0] + deviation * rng.standard_normal((count, n))
    weights = a * (y[:, None] @ x)[:, 0] / n + b * held
    query = rng.standard_normal((count, d))
    squares = ((weights - right) * query).sum(1) ** 2 / d
    exact = getattr(formula(a, b, (d + 1 + noise) / n, idle / n), question).risk
    return Sigma(*batch_means(squares, BATCHES), exact, degrees=BATCHES - 1)


@evidence(Sigma, "classification: right answers to drawn examples", cases=shares)
def accuracies(formula, case, setting):
    """The match, where there is one, beside other examples; a query of length 1."""
    (question, g, m), rng = case, setting.rng("examples")
    dimension, others = 4, 6
    count = BATCHES * (100 if setting.quick else 200)
    keys = rng.standard_normal((count, others, dimension)) / np.sqrt(dimension)
    query = rng.standard_normal((count, dimension))
    query /= np.linalg.norm(query, axis=1, keepdims=True)
    labels = rng.choice((-1, 1), size=(count, others))
    drowned = (labels * (keys @ query[..., None])[..., 0]).sum(1)
    label = rng.choice((-1, 1), size=count)  # of the query's class
    shown = {"in_context": label, "in_weights": 0, "flip": -label}[question]
    logit = g * (shown + drowned) + (0 if question == "in_context" else m) * label
    right = (logit * (-label if question == "flip" else label) > 0).astype(float)
    noise = others / dimension
    exact = getattr(formula(g, m, noise, noise), question).accuracy
    return Sigma(*batch_means(right, BATCHES), float(exact), degrees=BATCHES - 1)


def noiseless(a, b, evidence_noise, idle_noise):
    return answers(a, b, 0.0, 0.0)


def both_helping(a, b, evidence_noise, idle_noise):
    """As on a known task with a context of its own."""
    found = answers(a, b, evidence_noise, idle_noise)
    return Answers(*(Answer(a + b, one.variance) for one in found))


def figure(setting):
    """The three answers along both models' courses."""
    figure, (left, right) = canvas(1, 2)
    times = np.geomspace(0.1, 5000, 300)
    one = Regression(8, 200, 16, initial_share=3e-4)
    course = one.trajectory(times)
    idle = 1 / one.context_length
    found = answers(course.in_context, course.in_weights, one.evidence_noise, idle)
    two = Classification(200, 0.25)
    course = two.trajectory(times)
    other = answers(course.in_context, course.in_weights, two.evidence_noise, two.evidence_noise)
    for question, label in zip(QUESTIONS, ("in context", "in the weights", "flip"), strict=True):
        left.semilogx(times, getattr(found, question).risk, label=label)
        right.semilogx(times, getattr(other, question).accuracy, label=label)
    left.set(xlabel="time", title="regression: risk", ylim=(0, 4.2))
    right.set(xlabel="time", title="classification: accuracy")
    for axis in (left, right):
        axis.legend()
    return figure


claim = Claim(
    title="Three questions that tell in-context from in-weights learning",
    source="the evaluators: Singh et al., arXiv:2311.08360; derived here",
    formula=answers,
    hypotheses=(
        "regression: $x \\sim N(0, I)$, tasks of second moment $I$, $\\beta_c = b\\, w_c$",
        "classification: other examples $N(0, I/D)$, a query of length 1",
    ),
    call="""course = Regression(dimension=8, task_count=200, context_length=16).trajectory(times)
found = answers(course.in_context, course.in_weights, evidence_noise=9 / 16, idle_noise=1 / 16)
found.in_context.risk, found.in_weights.risk, found.flip.risk""",
    evidence=(derived, risks, accuracies),
    control=(
        wrong_steps("evaluators", derived),
        Control("evidence without noise", noiseless, rejected_by=(risks, accuracies)),
        Control("attention and table agree", both_helping, rejected_by=(risks, accuracies)),
    ),
    figure=figure,
)
