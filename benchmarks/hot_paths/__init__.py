"""What happens to every frame, one file per path, each saying why it is hot; measured without sockets or a loop."""
