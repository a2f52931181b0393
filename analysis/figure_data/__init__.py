"""What each figure shows, as frozen numbers of a look: `text.captions` describes it, `report.figures` draws it.

Times are in ms, shares from 0 to 1, hours counted from the deploy. To add a figure, add its data
and a `prepare_` function here, a `describe_` function in `text/captions.py`, and a `draw_`
function in `report/figures/`.
"""
