"""What is too large for a database row: pictures and attachments. Where their bytes are, and what is made of them."""
