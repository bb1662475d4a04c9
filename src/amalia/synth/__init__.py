"""Documents and pictures made into conversations, preferences and samples with known answers."""
