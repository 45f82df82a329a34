"""The routes, a module for each concept: parse, call, answer."""
