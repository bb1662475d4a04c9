"""One file for each benchmark: how a row becomes a question, and how an answer becomes a score."""
