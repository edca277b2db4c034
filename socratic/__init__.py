"""Socratic question generation: what the app and the trainer share.

Nothing here imports Gradio (only `socratic.ui` does) and importing the package does not import torch.
"""

__version__ = "0.1.0"
