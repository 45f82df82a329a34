"""Engine.IO and Socket.IO made strict, orderly and bounded. Nobody else imports ``socketio`` or ``engineio``."""
