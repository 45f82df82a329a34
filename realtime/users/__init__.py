"""People: finding them."""
