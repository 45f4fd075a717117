"""The bundled data sets: `sources` says what they are, `loader` reads them."""
