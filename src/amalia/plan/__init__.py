"""Before a run: what a stage's model is made of, what it takes, what it reads, and one sample as it sees it."""
