"""To and from Bambi: its models read as formulas and priors, draws handed over in its names."""
