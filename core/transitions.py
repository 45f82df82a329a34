"""Changes of state: whatever lives through phases has an enum of them and a table of the states that may follow each."""


class InvalidTransition(RuntimeError):
    """A bug: a state was to change in a way that its table of transitions does not allow."""
