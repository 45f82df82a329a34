"""The REST companion: FastAPI around the same house. No chat logic lives here."""
