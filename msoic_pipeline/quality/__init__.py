"""What makes a release fit to load: expectations and checks, held against its rows, and the verdict on it."""
