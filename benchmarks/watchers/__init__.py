"""What live events cost, by watchers and keys."""
