"""Training: one loop for every stage, from pre-training a tower to preferences."""
