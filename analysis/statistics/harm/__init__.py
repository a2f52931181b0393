"""When a deploy did harm: several guardrails at several looks, and single bursts."""
