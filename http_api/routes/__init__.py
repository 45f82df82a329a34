"""The routes, one module for each concept. A route parses the payload, calls another package, and encodes the answer."""
