"""How the page looks: calm greys, system fonts only, the colours left to the models."""

from functools import cache
from pathlib import Path

import gradio as gr
import plotly
from fastapi.responses import FileResponse
from starlette.requests import Request
from starlette.routing import Route

from socratic.catalog import ASSETS

STYLE = ASSETS / "style.css"
CHART_SCRIPT = ASSETS / "chart.js"
PLOTLY_URL = "vendor/plotly.min.js"
_PLOTLY_FILE = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
_SANS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Noto Sans", "sans-serif")
_MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace")

_COLOURS = {
    "body_background_fill": "*neutral_50",
    "body_background_fill_dark": "*neutral_950",
    "block_background_fill": "white",
    "block_background_fill_dark": "*neutral_900",
    "block_border_width": "1px",
    "block_label_text_color": "*neutral_700",
    "block_label_text_color_dark": "*neutral_200",
    "block_title_text_color": "*neutral_800",
    "block_title_text_color_dark": "*neutral_100",
    "block_info_text_color": "*neutral_600",
    "block_info_text_color_dark": "*neutral_300",
    "body_text_color_subdued": "*neutral_600",
    "body_text_color_subdued_dark": "*neutral_300",
    "input_background_fill": "white",
    "input_background_fill_dark": "*neutral_800",
    "input_border_width": "1px",
    "input_border_color": "*neutral_300",
    "input_border_color_dark": "*neutral_600",
    "button_primary_background_fill": "*neutral_800",
    "button_primary_background_fill_hover": "*neutral_700",
    "button_primary_background_fill_dark": "*neutral_100",
    "button_primary_background_fill_hover_dark": "*neutral_300",
    "button_primary_text_color": "white",
    "button_primary_text_color_dark": "*neutral_900",
    "checkbox_background_color_selected": "*neutral_700",
    "checkbox_background_color_selected_dark": "*neutral_500",
    "checkbox_border_color_selected": "*neutral_700",
    "checkbox_border_color_selected_dark": "*neutral_400",
}


@cache
def theme() -> gr.themes.Base:
    """Return the theme; it names no font that would have to be fetched."""
    return gr.themes.Base(
        primary_hue=gr.themes.colors.slate,
        secondary_hue=gr.themes.colors.slate,
        neutral_hue=gr.themes.colors.slate,
        text_size=gr.themes.sizes.text_md,
        radius_size=gr.themes.sizes.radius_md,
        font=_SANS,
        font_mono=_MONO,
    ).set(**_COLOURS)


def routes() -> list[Route]:
    """Return what the page needs served besides Gradio's own files: Plotly's script."""

    async def plotly_script(_: Request) -> FileResponse:
        return FileResponse(_PLOTLY_FILE, headers={"Cache-Control": "public, max-age=86400"})

    return [Route(f"/{PLOTLY_URL}", plotly_script)]
