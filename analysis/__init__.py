"""rollout: did the deploy fix it, did it hurt anything, and will it last? The answer from telemetry."""
