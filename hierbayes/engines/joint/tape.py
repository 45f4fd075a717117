"""The words of a joint tape: everything that the compiled density over (theta, beta, b) reads.

As in `hierbayes.engines.collapsed.tape`, an array of 8-byte words read both as integers and as floats; its first words
are sizes and the places where sections start.

The vector w of all effects holds, in this order, the effects of the largest term level by level, those of the other
terms, and beta. What follows the largest term's effects is called the border.
"""

from __future__ import annotations

HEADER = 64

CHUNK = 256
"""Most rows that are taken at a time; their predictors stay in the nearest cache."""

# sizes; PREDICTORS is the number of rows of one observation, which stand together, STEP that of rows taken at a time
TOTAL, N, P, DIM, TERMS, EFFECTS, SCALARS, FLAT, KIND, COUNTS, CHART_ON, CELLS, PREDICTORS, STEP = range(14)

# where sections start
(
    AT_SCALAR_INTS,  # ThetaLayout.scalar_ints
    AT_SCALAR_FLOATS,
    AT_BLOCK_INTS,
    AT_ETAS,
    AT_FACTORS,
    AT_TERMS,  # per term: see TERM_WORDS
    AT_OFFSET,  # per row
    AT_A,  # per row: the response, times its weight except for real ones
    AT_B,  # per row: its trials or weight
    AT_X,  # chunk by chunk, column by column
    AT_Z,  # the same, term by term
    AT_CODES,  # per term but the first: the level of each row
    AT_STARTS,  # first row of each level of the first term, and the number of rows
    AT_CENTRED,  # per term and level: 1 where w holds b, 0 where it holds v
    AT_PRIOR,  # of beta: means, then precisions
    AT_CONSTS,  # constant of the log density, sum of the weights, coefficient of log sigma
    AT_COUNTS,  # distinct counts or scores and their weights, for the negative binomial and the ordinal family
    AT_POINTERS,  # per level of the first term: where its border columns start
    AT_COLUMNS,  # the border columns that meet a level of the first term
    AT_POSITIONS,  # per term but the first, per row: place of its columns among those of the level
    AT_LAPACK,
    AT_MODE,  # chart: theta, then w where it is fixed
    AT_CURVES,  # chart: factor of theta (dim by dim), then d w / d theta (a row each of theta) where it is fixed
    AT_LEVELS,  # chart: factor of each level of the first term; its information where the chart moves
    AT_COUPLING,  # chart: per border column of a level, k numbers
    AT_BORDER,  # chart: lower triangular factor of the border; its information where the chart moves
    AT_TARGET,  # chart that moves: information times the working response, per effect and coefficient
    AT_LIST_STARTS,  # chart that moves: per place of the border, where its list starts
    AT_LISTS,  # chart that moves: the later places that its row of R holds
    AT_FOLLOWING,  # chart that moves: per coordinate of theta a, a', g and g' of `following`, size numbers each
) = range(16, 46)

NODE = 2.0
"""Where, in the coordinates of theta in the chart, the working model was measured anew: posterior sds from the mode."""

# charts
NO_CHART, FIXED_CHART, MOVING_CHART = range(3)

# columns of the table of terms
LEVELS, K, START, BLOCK, ONES, Z, CENTRED, L = range(8)
TERM_WORDS = 8

# kinds of likelihood
GAUSSIAN, STUDENT, LOGISTIC, UNIT_LOGISTIC, NEGATIVE_BINOMIAL, POISSON, GAMMA, PROBIT = range(8)
ORDINAL, ORDINAL_PROBIT, CATEGORICAL = 8, 9, 10

CODES = {
    "gaussian": GAUSSIAN,
    "student": STUDENT,
    "logistic": LOGISTIC,
    "probit": PROBIT,
    "poisson": POISSON,
    "negative_binomial": NEGATIVE_BINOMIAL,
    "gamma": GAMMA,
    "ordinal": ORDINAL,
    "ordinal_probit": ORDINAL_PROBIT,
    "categorical": CATEGORICAL,
}
"""What a family asks for by name."""
