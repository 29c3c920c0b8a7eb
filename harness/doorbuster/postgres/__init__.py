"""A disposable Postgres: finding it, running it, deploying into it, and databases cloned from a template."""
