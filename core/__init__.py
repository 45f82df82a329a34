"""Words that every room uses and that use no room themselves."""
