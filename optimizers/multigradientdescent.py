"""Gradient ascent on multi-individuals, under the names of classic scripts.

Of the ``n_random_steps * n_inner_params`` parameter sets of a generation one is the current point.
"""

import l2l.optimizers.gradientdescent as gd
from l2l.classic.multi import multi
from l2l.classic.optimizer import classic_optimizer

MultiClassicGDParameters = multi(gd.ClassicGDParameters, "n_random_steps", current=True)
MultiStochasticGDParameters = multi(gd.StochasticGDParameters, "n_random_steps", current=True)
MultiAdamParameters = multi(gd.AdamParameters, "n_random_steps", current=True)
MultiAdaMaxParameters = multi(gd.AdaMaxParameters, "n_random_steps", current=True)
MultiRMSPropParameters = multi(gd.RMSPropParameters, "n_random_steps", current=True)
MultiGradientDescentOptimizer = classic_optimizer(
    gd.GradientAscent,
    gd.StochasticGradientAscent,
    gd.Adam,
    gd.AdaMax,
    gd.RMSProp,
    name="MultiGradientDescentOptimizer",
)
