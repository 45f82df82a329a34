"""What a run must have kept."""
