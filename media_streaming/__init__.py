"""ACS media streaming: one WebSocket per call, audio of each speaker in, the interpreter's voice out."""
