"""The steps around the verdict: preflight, deploy, smoke, looks, watch, hand-over."""
