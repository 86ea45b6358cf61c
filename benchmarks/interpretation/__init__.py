"""How well the model behind the bot interprets, measured on sets of recordings with transcripts and references."""
