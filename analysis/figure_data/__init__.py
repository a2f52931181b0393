"""What each figure shows, as frozen numbers: captions describe them, figures draw them.

Times are in ms, shares from 0 to 1, hours counted from the deploy. To add a figure, follow
the recipe of CONTRIBUTING.md.
"""
