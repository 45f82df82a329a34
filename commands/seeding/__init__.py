"""What ``molva seed`` makes up, and how it is loaded."""
