"""Sessions, data, training, evaluation and generation: everything a front end needs, and no terminal code."""
