"""Questions put to draws: hypotheses, regions of practical equivalence, marginal means, contrasts, slopes."""
