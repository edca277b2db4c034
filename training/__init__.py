"""Training and evaluation as processes of their own: `python -m training --help`."""
