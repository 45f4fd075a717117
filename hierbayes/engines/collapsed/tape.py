"""The words of a tape: everything that a compiled density reads, in one block of memory.

A tape is an array of 8-byte words that is read both as integers and as floats. Its first `HEADER` words are integers:
sizes, and the places where the sections start. One address is all that the sampler has to hand over, nothing is
compiled per model, and a tape is never written to while chains run.
"""

from __future__ import annotations

HEADER = 64

# sizes
TOTAL, SPARSE, ROWS, P, BORDER, DIM, BLOCKS, LAYERS, MOMENTS, CHART_ON, NODE_COUNT, CELL_COUNT, STORE, THIN = range(14)

# where sections start
(
    AT_SCALAR_INTS,  # ThetaLayout.scalar_ints
    AT_SCALAR_FLOATS,
    AT_BLOCK_INTS,
    AT_ETAS,
    AT_FACTORS,
    AT_PLACES,  # per block: its layer, its first column in the layer
    AT_LAYERS,  # per layer: see LAYER_WORDS
    AT_CONSTS,  # constants of the log density: Bayes, REML, ML
    AT_PRIOR,  # [P, P m; m'P, m'P m] of the coefficients, in the units of the tape
    AT_BASE,  # Gram matrix of border, X and y after projection on the first layer
    AT_R,  # first layer: triangular factors of Z_j
    AT_TAIL,  # first layer: Q_j' [border, X, y]; sparse path: the slots of all nodes
    AT_CHART,  # mode, then the factor: theta = mode + factor @ z
    AT_BACK,  # coefficients: shift (p), then the p by p map from the tape's units
    AT_ROWS,  # sparse path: per node its slot, first cell, number of cells and parent
    AT_CELLS,  # sparse path: border column of every cell
    AT_MAPS,  # sparse path: place of each cell among those of the parent
    AT_LAPACK,  # addresses of dpotrf and dpotri, or 0
    AT_LEVELS,  # level of the border's first term at each of its places, where these were moved
    AT_THIN,  # per thin row: where its columns start
    AT_THIN_COLUMNS,
) = range(16, 37)

# columns of the layer table
J, K, LAM, ROLE, START, NODES = range(6)
LAYER_WORDS = 6

# roles of a layer
FIRST, CHAIN, EDGE = range(3)

# which criterion
BAYES, REML, ML = range(3)
