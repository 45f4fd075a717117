"""A fit on disk and back: netCDF for the arrays, JSON for everything else, and nothing that is ever run."""
