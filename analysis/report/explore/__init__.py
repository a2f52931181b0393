"""What an analyst touches: a rollout to explore, its features, widgets, JupyterLab."""
