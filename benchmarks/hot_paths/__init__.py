"""Hot paths: work done for every frame, a file for each, measured without sockets or an event loop."""
