"""Records and measurements -> figures: Plotly for the page, matplotlib for print.

Those of the page are readable on light and dark, at 360 px and 1200: backgrounds are transparent
and text is mid-grey, so that a page may tint them; nothing is loaded from outside. A figure
without data says so in a sentence.
"""

from socratic.figures.base import empty
from socratic.figures.chart import metric_chart
from socratic.figures.curves import curves
from socratic.figures.measurements import Curve, Look, XAxis
from socratic.figures.rows import heat_map, spread

__all__ = ["Curve", "Look", "XAxis", "curves", "empty", "heat_map", "metric_chart", "spread"]
