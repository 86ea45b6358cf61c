"""What a bot can have done in a call: play, recognise, tones, transcription, recording, invitations."""
