"""Records from outside: a user's own folder, and packages fetched by name."""
