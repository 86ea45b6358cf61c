"""The admin API: rooms, rosters, tokens and transcripts over REST, backed by ACS rooms and identities."""
