"""The "Present" switch: type for the back row, and nothing on the page but what is shown.

It lives in the browser alone: other visitors see their page as before, and a reload keeps it.
"""

import gradio as gr

from socratic.catalog import ASSETS

STYLE = ASSETS / "present.css"
BUTTON = (
    '<button type="button" class="copy" aria-pressed="false" '
    'title="large type, no controls; Escape ends it">Present</button>'
)
SCRIPT = """
const button = element.querySelector("button");
function present(on) {
  document.body.classList.toggle("presenting", on);
  button.setAttribute("aria-pressed", on);
  button.textContent = on ? "End presenting" : "Present";
  sessionStorage.setItem("presenting", on ? "yes" : "");
  // Tabs whose names no longer fit beside each other are put into a menu.
  window.dispatchEvent(new Event("resize"));
}
button.addEventListener("click", () => present(!document.body.classList.contains("presenting")));
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && document.body.classList.contains("presenting")) present(false);
});
if (sessionStorage.getItem("presenting")) present(true);
"""


def build() -> None:
    """Draw the switch."""
    gr.HTML(BUTTON, elem_id="present", js_on_load=SCRIPT, apply_default_css=False)
