"""Files: URLs of those that messages hold."""
