"""Login sessions on the wire: what a connection hears about its own."""
