"""Actions that a bot can ask for in a call: play, recognise, tones, transcription, invitations."""
