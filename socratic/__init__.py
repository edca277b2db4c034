"""Socratic question generation: what the app and the trainer share.

Nothing here imports Gradio (only `socratic.ui` does), and torch waits until it is needed.
"""

__version__ = "0.1.0"
