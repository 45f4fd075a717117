"""Tables to figures, one figure a file. Matplotlib is imported when a figure is drawn, not before."""
