r"""Linear attention trained on finite data, in the limit of high dimensions.

Trained on :math:`n` prompts of :math:`\ell` pairs, whose tasks come from a pool of :math:`k`, in
dimension :math:`d`; all grow together at fixed

.. math::
    \alpha = \ell / d, \qquad \kappa = k / d, \qquad \tau = n / d^2 .

The features are :math:`N(0, I/d)`, the tasks of the pool :math:`N(0, C)` with eigenvalues
:math:`c_i`, the label noise has variance :math:`\rho`. The layer is read out by ridge regression on
the :math:`d \times (d + 1)` features of a prompt with penalty :math:`\tfrac{n}{d} \lambda`.

With :math:`R` the second moment of the pool and :math:`x = (\langle c \rangle + \rho)/\alpha`, what
a prompt adds to it as noise, the readout acts as a ridge :math:`\nu = x + \xi` on `R`, where

.. math:: \frac{\xi}{\nu} (1 - \phi) - \frac{\tau \lambda}{\xi} = 1 - \tau,
    \qquad \phi = \Big\langle \frac{R}{R + \nu} \Big\rangle,

or :math:`\xi = 0` without ridge where :math:`\tau \ge 1`. Means over the spectrum of `R` are those
of `lsa_theory.sample_spectrum`.

(The symbols are this chapter's own: elsewhere :math:`\tau` and :math:`\kappa` mean other things,
and a noise variance is `d` times larger, because the signal is.)
"""

from lsa_theory.limits.errors import LearningErrors as LearningErrors
from lsa_theory.limits.errors import learning_errors as learning_errors
from lsa_theory.limits.errors import optimal_ridge as optimal_ridge
from lsa_theory.limits.transition import transition_errors as transition_errors
