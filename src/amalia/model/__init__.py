"""The model: tokenizer, tiles, rendering, building, and plain Hugging Face folders."""
