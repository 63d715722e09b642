r"""
Task diversity
==============

How many pre-training tasks make the layer solve tasks that it never saw? Of fewer than dimensions
it memorises: new tasks cost many times what those of its list do, the more so the longer the prompt
is. Shortly above :math:`K = d` it generalises. Lines: new tasks cost twice what old ones do; they
cost 10 % more than the least that they can; and midway between the Bayes predictor that knows the
list and ridge regression, which the layer passes at half as many tasks, if prompts are long.
"""

from lsa_theory import phase

diagram = phase.diversity(sampled=4)
figure = diagram.figure()
