"""Who is online and where, and how an event reaches them."""
