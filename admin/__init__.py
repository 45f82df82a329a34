"""What the operator may do: find people, keep them out, moderate, announce, keep data for a time, and see who did it."""
