"""Reports: equal listeners of the engine's one event stream, a file each; ``registry`` names them."""
