"""The miniature family: its text, its tokenizer, its models."""
