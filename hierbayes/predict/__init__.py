"""Draws and rows to predictions, in pieces of rows, so that draws x rows never stand in memory unasked."""
