"""Expressions: one syntax tree of arithmetic with its reader, its allow-list of functions and its evaluators."""
