"""The admin side: rooms, rosters, tokens and transcripts over REST, backed by ACS rooms and identities."""
