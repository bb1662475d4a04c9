"""Open, traceable vision-language models for European Portuguese."""
