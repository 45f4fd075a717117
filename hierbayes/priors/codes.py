"""The numbers by which compiled kernels know the law of a positive number, and the coordinate it is sampled in.

They are built into compiled code: a new one goes to the end, and none is ever renumbered.
"""

FLAT, HALF_NORMAL, HALF_T, HALF_CAUCHY, EXPONENTIAL, GAMMA, INVERSE_GAMMA, LOG_NORMAL, UNIFORM = range(9)

MAP_LOG, MAP_HALF_NORMAL, MAP_HALF_T3, MAP_HALF_T2, MAP_HALF_CAUCHY, MAP_EXPONENTIAL, MAP_UNIFORM = range(7)
