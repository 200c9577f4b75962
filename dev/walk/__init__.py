"""A random walk: users click what is possible on a real database, and an independent oracle says what must follow."""
