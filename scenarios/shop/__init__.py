"""A small web shop in front of the checkout function: an example of a shop behind HTTP, right or wrong as told."""
