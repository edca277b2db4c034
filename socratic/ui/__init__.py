"""The page: one file per tab, handlers that read and write through `socratic`, nothing of torch."""
