"""The least a Gradio page can be, one text box: `python -m benchmarks.bare PORT`."""

import os
import sys


def main(port: int) -> None:
    """Serve it until the process is ended."""
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    import gradio as gr

    with gr.Blocks(analytics_enabled=False) as blocks:
        gr.Textbox(label="Text")
    blocks.launch(server_name="127.0.0.1", server_port=port, quiet=True, ssr_mode=False)


if __name__ == "__main__":
    main(int(sys.argv[1]))
