"""What is known of a deployment: from Vercel's API, from what its CLI printed, from git."""
