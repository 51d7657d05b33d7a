"""A run folder -> the files of another tool, or pairs for training."""
