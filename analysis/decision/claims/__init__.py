"""One claim: evaluated, judged by its rule, with its caveat, its power, and whether it lasts."""
