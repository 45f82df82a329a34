"""Fault injection: a real server, real clients, something that breaks, and a checker of what was promised.

``python -m tests.faults`` runs it; ``docs/reliability.md`` says what is promised and what was measured.

* ``staging``: the server's process, its PostgreSQL, the networks between them, which faults break;
* ``people``: clients that do what the contract tells clients to do, and what they say to each other;
* ``nemesis``: the faults, by kind;
* ``checking``: the history of a run against the promises;
* ``planted``: bugs that are put into the server on purpose, to see that the checker finds them.
"""
