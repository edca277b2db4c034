"""Browser tests: the page as a user sees it."""
