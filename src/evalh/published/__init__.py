"""Published sets by name: where they live, how they are brought here, and what a replay of them gives."""
