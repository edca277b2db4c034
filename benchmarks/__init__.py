"""Measures this project against a straightforward way: `python -m benchmarks --help`."""
